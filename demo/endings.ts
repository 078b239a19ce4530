import { jobs } from '../src/client/index.ts';
import {
  aWeekPasses,
  becomeCustomer,
  daysPass,
  deletionOf,
  findings,
  inTheApp,
  linkCustomer,
  markInWords,
  markOf,
  markedTeam,
  reminderOf,
  subscribe,
  usersLeft,
} from './asleep.ts';
import { scene } from './scene.ts';
import type { Scene } from './scene.ts';
import type { Stage } from './stage.ts';

/** How many of the made-up teams are asleep (people.ts): each of the scenes that follow has one of them. */
const asleep = 5;

/** More at once than the fuse allows: 5 % of some 250 teams. */
const tooMany = 15;

/**
 * The endings of teams and users. All acts that cannot be taken back, until the fuse is blown on purpose, are
 * fewer than a day allows.
 */
export const endings: readonly Scene[] = [
  scene({
    name: 'teams-asleep',
    title: 'Teams fall asleep',
    tells:
      'Five teams never subscribed and are older than half a year. A search finds them, another one finds ' +
      'nothing new: each owner is told once, with the date, and how to keep the team.',
    async play(stage) {
      for (let search = 0; search < 2; search++) {
        await stage.sweep('mark-team-for-deletion');
        await stage.jobsAbout('mark-team-for-deletion', {});
      }
      const teams = await stage.sql<{ id: string; email: string; notice: string }[]>`
        select t.id::text, o.email, (d.delete_after - d.notice_sent_at)::text as notice
        from evenfall.team_deletion d
        join public.teams t on t.id::text = d.team_id join public.users o on o.id = t.owner_id
        where d.state = 'noticed'`;
      return { teams, asked: await stage.jobsAbout('mark-team-for-deletion', {}) };
    },
    expects: [
      {
        what: 'marks made, by two searches',
        expected: asleep,
        see: ({ asked }) => asked.filter(({ state }) => state === 'done').length,
      },
      { what: 'teams marked', expected: asleep, see: ({ teams }) => teams.length },
      {
        what: 'mails to their owners, each',
        expected: 1,
        see: ({ teams }, stage) => each(teams.map((team) => stage.mailsTo(team).length)),
      },
      {
        what: 'deleted after the notice by',
        expected: '7 days',
        see: ({ teams }) => each(teams.map(({ notice }) => notice)),
      },
    ],
  }),

  scene({
    name: 'asleep-subscribes',
    title: 'One subscribes',
    tells:
      'One of them subscribes. The transaction that brings the subscription into the mirror takes its mark ' +
      'back. A week passes: nothing of it is deleted.',
    async play(stage) {
      const team = await markedTeam(stage);
      const customer = await becomeCustomer(stage, team);
      await linkCustomer(stage, team, customer);
      const subscription = await subscribe(stage, customer);
      await stage.eventsOf(subscription, ['customer.subscription.created']);
      await aWeekPasses(stage, team);
      await stage.sweep('delete-inactive-team');
      return { team, subscription };
    },
    expects: [
      {
        what: 'the mirror says',
        expected: 'active',
        see: async ({ subscription }, stage) => await stage.mirrored(subscription),
      },
      {
        what: 'the mark',
        expected: 'cleared: it has subscribed',
        see: async ({ team }, stage) => await markInWords(stage, team),
      },
      {
        what: 'taken back by',
        expected: 'mirror',
        see: async ({ team }, stage) => clearedBy(stage, team.id),
      },
      { what: 'the team', expected: 'there', see: async ({ team }, stage) => await inTheApp(stage, team) },
    ],
  }),

  scene({
    name: 'asleep-keeps-itself',
    title: 'One keeps itself',
    tells:
      'Another owner follows the link in the mail. Looking at the page changes nothing, for mail scanners look ' +
      'too; its button keeps the team for another half year. A week passes: nothing of it is deleted.',
    async play(stage) {
      const team = await markedTeam(stage);
      const [link = 'none'] = /http\S+\/keep\/\S+/.exec(stage.mailsTo(team)[0]?.text ?? '') ?? [];
      const { signal } = stage;
      const looked = await fetch(link, { signal });
      await looked.body?.cancel();
      const { state } = await markOf(stage, team);
      const pressed = await fetch(link, { method: 'POST', redirect: 'manual', signal });
      await aWeekPasses(stage, team);
      await stage.sweep('delete-inactive-team');
      return { team, looked: `${looked.status}, ${state}`, pressed: pressed.status };
    },
    expects: [
      { what: 'the page, and the mark then', expected: '200, noticed', see: ({ looked }) => looked },
      { what: 'the button', expected: 303, see: ({ pressed }) => pressed },
      {
        what: 'the mark',
        expected: 'cleared: kept by the link in the notice',
        see: async ({ team }, stage) => await markInWords(stage, team),
      },
      {
        what: 'the team is kept for',
        expected: '6 mons',
        see: async ({ team }, stage) => await snoozeOf(stage, team.id),
      },
      { what: 'the team', expected: 'there', see: async ({ team }, stage) => await inTheApp(stage, team) },
    ],
  }),

  scene({
    name: 'asleep-deleted',
    title: 'One is deleted',
    tells:
      'From the third one nothing is heard. Six days pass, and its owner is reminded, once. One more, and Stripe is ' +
      'asked; then the team is deleted, and its owner, who has nothing else here.',
    async play(stage) {
      const team = await markedTeam(stage);
      await daysPass(stage, team, 6);
      for (let search = 0; search < 2; search++) await reminderOf(stage, team);
      const reminders = stage.mailsTo(team).filter(({ subject }) => subject.startsWith('Reminder: ')).length;
      await daysPass(stage, team, 1);
      const since = stage.stripe.requests.length;
      const [job] = await deletionOf(stage, team);
      const asked = stage.stripe.requests
        .slice(since)
        .some(({ params }) => (params as { email?: unknown }).email === team.email);
      return { team, reminders, job, asked };
    },
    expects: [
      { what: 'reminders to its owner, by two searches', expected: 1, see: ({ reminders }) => reminders },
      { what: 'the job', expected: 'done', see: ({ job }) => job?.state },
      { what: 'the team', expected: 'gone', see: async ({ team }, stage) => await inTheApp(stage, team) },
      {
        what: 'its owner',
        expected: 'deleted',
        see: async ({ team }, stage) => (await markOf(stage, team)).owner,
      },
      {
        what: 'users with that id',
        expected: 0,
        see: async ({ team }, stage) => await usersLeft(stage, [team.ownerId]),
      },
      { what: "Stripe was asked for the owner's address", expected: 'yes', see: ({ asked }) => yes(asked) },
    ],
  }),

  scene({
    name: 'asleep-owner-stays',
    title: 'One goes, its owner stays',
    tells:
      'The fourth one is deleted as well. Its owner has made another team meanwhile, and stays when a week has passed.',
    async play(stage) {
      const team = await markedTeam(stage);
      const { ownerId } = team;
      await stage.sql`insert into public.teams (name, owner_id) values ('Violet Foundry', ${ownerId})`;
      await aWeekPasses(stage, team);
      const [job] = await deletionOf(stage, team);
      return { team, job };
    },
    expects: [
      { what: 'the job', expected: 'done', see: ({ job }) => job?.state },
      { what: 'the team', expected: 'gone', see: async ({ team }, stage) => await inTheApp(stage, team) },
      {
        what: 'its owner',
        expected: 'owns another team',
        see: async ({ team }, stage) => (await markOf(stage, team)).owner,
      },
      {
        what: 'users with that id',
        expected: 1,
        see: async ({ team }, stage) => await usersLeft(stage, [team.ownerId]),
      },
    ],
  }),

  scene({
    name: 'asleep-veto',
    title: 'Stripe says no',
    tells:
      'The last one pays, and nobody here knows: no event came, and the app has not noted the customer. A week ' +
      'passes. Asked by the exact address of the owner, Stripe says no; people are told, and one links the two.',
    async play(stage) {
      const team = await markedTeam(stage);
      // a seed makes no event
      const { seed } = stage.stripe;
      const customer = seed.customer({ email: team.email, name: team.name });
      const subscription = seed.subscription({ customer: customer.id, price: 'price_DemoTeam' });
      await aWeekPasses(stage, team);
      const [job] = await deletionOf(stage, team);
      const subject = `team:${team.id}`;
      const [finding] = await findings(stage, 'stripe-veto', subject);
      const [mail, post] = await Promise.all([
        stage.mailed(`finding-${finding}`),
        stage.posted(`finding-${finding}`),
      ]);
      await linkCustomer(stage, team, customer.id);
      return { team, job, subscription, mail, post, subject };
    },
    expects: [
      {
        what: 'the job',
        expected: 'skipped: Stripe knows the subscription',
        see: ({ job, subscription }) => {
          const knows = job?.reason === `Stripe knows ${subscription.id} (active)`;
          return `${job?.state}: ${knows ? 'Stripe knows the subscription' : job?.reason}`;
        },
      },
      {
        what: 'the mark',
        expected: 'cleared',
        see: async ({ team }, stage) => (await markOf(stage, team)).state,
      },
      { what: 'the team', expected: 'there', see: async ({ team }, stage) => await inTheApp(stage, team) },
      {
        what: 'the mail is to',
        expected: 'operators@example.com',
        see: ({ mail }) => mail.envelope.to.join(', '),
      },
      {
        what: 'it names the subscription',
        expected: 'yes',
        see: ({ mail, subscription }) => yes(mail.text?.includes(subscription.id)),
      },
      {
        what: 'the webhook is told of',
        expected: 'the same team',
        see: ({ post, subject }) => (post['subject'] === subject ? 'the same team' : String(post['subject'])),
      },
    ],
  }),

  scene({
    name: 'account-deactivated',
    title: 'An account is deactivated',
    tells:
      'A user leaves. Stripe cancels first; then the account is inactive, its sessions are ended, and there is a mail.',
    async play(stage) {
      const team = await stage.newTeam({ name: 'Violet Printers', billing: 'paying', createdDaysAgo: 40 });
      const { ownerId: userId } = team;
      await logIn(stage, userId);
      const job = await stage.ended(await stage.client.enqueue(jobs.deactivateAccount, { userId }));
      return { team, job, mails: stage.mailsTo(team).map(({ subject }) => subject) };
    },
    expects: [
      { what: 'the job', expected: 'done', see: ({ job }) => job.state },
      { what: 'cancellations at Stripe', expected: 1, see: ({ team }, stage) => stage.cancellations(team) },
      {
        what: 'the user',
        expected: 'inactive, 0 sessions',
        see: async ({ team }, stage) => accountOf(stage, team.ownerId),
      },
      {
        what: 'the mail',
        expected: 'Your Evenfall account is deactivated',
        see: ({ mails }) => mails.join(', '),
      },
    ],
  }),

  scene({
    name: 'account-outlives-outage',
    title: 'An outage keeps it active',
    tells:
      'Another user leaves, and Stripe is down: as long as it may still bill, the account stays active, and the ' +
      'app can say why. Stripe comes back, and it is done.',
    async play(stage) {
      const team = await stage.newTeam({ name: 'Violet Painters', billing: 'paying', createdDaysAgo: 40 });
      const { ownerId: userId } = team;
      await logIn(stage, userId);
      const outage = stage.stripe.faults.add({
        kind: 'unavailable-empty',
        match: { method: 'DELETE', subscription: team.subscriptionId },
        times: 'forever',
      });
      try {
        const { body } = await stage.api('POST', '/v1/jobs/deactivate-account', {
          body: { payload: { userId } },
        });
        const id = Number(body['id']);
        const asked = await stage.until('Stripe to have failed', async () => {
          const answer = await stage.api('GET', `/v1/jobs/${id}`);
          return typeof answer.body['publicMessage'] === 'string' ? answer : undefined;
        });
        const during = await accountOf(stage, userId);
        outage.remove();
        await stage.note('Stripe is back', '', 'it answers again');
        return { team, during, says: String(asked.body['publicMessage']), job: await stage.ended(id) };
      } finally {
        outage.remove();
      }
    },
    expects: [
      { what: 'the user, meanwhile', expected: 'active, 2 sessions', see: ({ during }) => during },
      {
        what: 'the app may tell its user',
        expected: 'We are still working on deactivating your account.',
        see: ({ says }) => says,
      },
      { what: 'the job, when Stripe is back', expected: 'done', see: ({ job }) => job.state },
      { what: 'cancellations at Stripe', expected: 1, see: ({ team }, stage) => stage.cancellations(team) },
      {
        what: 'the user',
        expected: 'inactive, 0 sessions',
        see: async ({ team }, stage) => accountOf(stage, team.ownerId),
      },
    ],
  }),

  scene({
    name: 'users-unverified',
    title: 'Never verified',
    tells:
      'Three users never verified their address. One joined ten days ago less a minute, one eleven days ago, and ' +
      'one eleven days ago who was invited to a team. One goes.',
    async play(stage) {
      const users = await addUnverified(stage);
      await stage.sweep('delete-unverified-users');
      await stage.jobsAbout('delete-unverified-users', {});
      return users;
    },
    expects: [
      { what: 'eleven days old', expected: 0, see: async ({ old }, stage) => await usersLeft(stage, [old]) },
      {
        what: 'a minute too young',
        expected: 1,
        see: async ({ young }, stage) => await usersLeft(stage, [young]),
      },
      {
        what: 'invited to a team',
        expected: 1,
        see: async ({ invited }, stage) => await usersLeft(stage, [invited]),
      },
    ],
  }),

  scene({
    name: 'fuse-blown',
    title: 'Too many at once',
    tells:
      'Fifteen more teams look asleep at once: a bad import, perhaps. That is more than 5 % of all teams within a ' +
      'day, and the fuse blows: none is touched, and people are told once. One looks, and releases it.',
    async play(stage) {
      const kind = 'mark-team-for-deletion';
      const names = Array.from({ length: tooMany }, (_, index) => `Silent Society ${index + 1}`);
      const teams = await stage.sleepingTeams(names);
      await stage.sweep(kind);
      await stage.until('all of them to wait', async () => {
        const waiting = await stage.sql`
          select from evenfall.job where kind = ${kind} and state = 'dispatched'
            and last_error->>'class' = 'fuse_blown' and team_id = any (${teams.map(({ id }) => id)})`;
        return waiting.length === tooMany || undefined;
      });
      const alerts = await findings(stage, 'fuse-blown', `fuse:${kind}`);
      const mail = await stage.mailed(`finding-${alerts.at(-1)}`);
      const mails = () => teams.map((team) => stage.mailsTo(team).length);
      const before = mails().reduce((sum, count) => sum + count, 0);
      const says = await stage.evenfall(
        'fuse',
        'release',
        kind,
        '--why',
        'the import was meant',
        '--acts',
        String(tooMany),
      );
      const ends = await Promise.all(teams.map(({ id }) => stage.jobsAbout(kind, { teamId: id })));
      return { before, alerts, mail, says, states: ends.flat().map(({ state }) => state), after: mails() };
    },
    expects: [
      { what: 'owners told, while the fuse is blown', expected: 0, see: ({ before }) => before },
      { what: 'alerts', expected: 1, see: ({ alerts }) => alerts.length },
      {
        what: 'the mail is to',
        expected: 'operators@example.com',
        see: ({ mail }) => mail.envelope.to.join(', '),
      },
      {
        what: 'jobs that the release wakes',
        expected: tooMany,
        see: ({ says }) => Number(/^woken +(\d+)$/m.exec(says)?.[1]),
      },
      {
        what: 'teams marked then',
        expected: tooMany,
        see: ({ states }) => states.filter((state) => state === 'done').length,
      },
      { what: 'mails to their owners, each', expected: 1, see: ({ after }) => each(after) },
    ],
  }),
];

/** The one value that all of them have, or all values. */
function each<T extends string | number>(values: readonly T[]): T | string {
  const [first, ...others] = new Set(values);
  return first !== undefined && others.length === 0 ? first : values.join(', ');
}

function yes(is: boolean | undefined): string {
  return is ? 'yes' : 'no';
}

/** From where the team's mark was taken back, by the history. */
async function clearedBy({ sql }: Stage, teamId: string): Promise<string | undefined> {
  const [row] = await sql<{ source: string }[]>`
    select source from evenfall.history where team_id = ${teamId} and what = 'team.mark-cleared'`;
  return row?.source;
}

/** For how long a team is kept, from when somebody said so. */
async function snoozeOf({ sql }: Stage, teamId: string): Promise<string | undefined> {
  const [row] = await sql<{ lasts: string }[]>`
    select case until when at + interval '6 months' then '6 mons' else (until - at)::text end as lasts
    from evenfall.team_protection where team_id = ${teamId} and kind = 'snooze'`;
  return row?.lasts;
}

/** With a laptop and a telephone. */
async function logIn({ sql }: Stage, userId: string): Promise<void> {
  await sql`insert into public.sessions (id, user_id)
    select device || ' of ' || ${userId}, ${userId} from unnest(array['laptop', 'phone']) as device`;
}

async function accountOf({ sql }: Stage, userId: string): Promise<string> {
  const [user] = await sql<{ isActive: boolean; sessions: number }[]>`
    select is_active as "isActive",
      (select count(*)::int from public.sessions s where s.user_id = u.id) as sessions
    from public.users u where id::text = ${userId}`;
  return user ? `${user.isActive ? 'active' : 'inactive'}, ${user.sessions} sessions` : 'gone';
}

/** Users who have not been seen since they joined. The one who goes comes first: nobody gets that id again. */
async function addUnverified({ sql }: Stage): Promise<{ old: string; young: string; invited: string }> {
  return await sql.begin(async (tx) => {
    const add = async (joined: string): Promise<string> => {
      const [user] = await tx<{ id: string }[]>`
        with next as (select nextval(pg_get_serial_sequence('public.users', 'id')) as id)
        insert into public.users (id, email, created_at)
        select id, 'zeno.quandt.' || id || '@example.com', now() - ${joined}::interval from next
        returning id::text`;
      return user?.id ?? '';
    };
    const [old, young, invited] = [
      await add('11 days'),
      await add('10 days -1 minute'),
      await add('11 days'),
    ];
    await tx`insert into public.memberships (team_id, user_id) select min(id), ${invited} from public.teams`;
    return { old, young, invited };
  });
}
