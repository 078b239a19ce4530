import { allJobs } from '../../jobs/index.ts';
import type { Built } from '../support/processes.ts';
import type { Person } from './cast.ts';
import { tryDoors } from './doors.ts';
import type { Stage } from './stage.ts';

const ago = (days: number) => new Date(Date.now() - days * 86_400_000);

/** Where a worker is killed, at the work of which kind. */
const crashes = [
  'effect.acted:trial-ending-email',
  'transaction.written:deactivate-account',
  'effect.claimed:cancel-subscription',
];
const moreCrashes = [
  'run.started:expiring-card-email',
  'effect.acted:deactivate-account',
  'transaction.committed:deactivate-account',
  'effect.settled:trial-ending-email',
  'run.ended:sync-customer',
  'outcome.written:trial-ending-email',
];

/** Everything that happens to people: each kind, each way of failing, each door. */
export async function playStory(stage: Stage, built: Built, isLong: boolean): Promise<void> {
  const people = await cast(stage);
  const worker = await stage.startWorker(built);
  const { sql } = stage;
  await stage.until(
    'all of Stripe is read',
    async () =>
      (
        await sql`
    select from evenfall.backfill where finished_at is not null`
      ).length > 0,
  );

  for (const [kind, payload] of people.ordinary) await stage.ask(kind, payload);
  await stage.idle('the ordinary day is over');
  await refusedByStripe(stage, people.refused);
  await bounced(stage, people.bouncing);
  await refusedByTheApp(stage, people);
  await tryDoors(stage, await stage.startWeb(built), people.known);
  const why = `${people.known.name} <${people.known.email}> has called`;
  for (const args of [
    ['exempt', 'team:1'],
    ['pause', 'sweep'],
    ['findings', 'ack', '1'],
  ]) {
    await stage.type(built, [...args, '--why', why]);
  }
  await stage.idle('what came through the doors is done');

  worker.kill('SIGTERM');
  await worker.exited;
  for (const point of isLong ? [...crashes, ...moreCrashes] : crashes) await crash(stage, built, point);
  await stage.startWorker(built);
  await stage.idle('what was interrupted is done');
}

/** Erases everybody, with whatever customer is theirs, and reads Stripe once more. */
export async function eraseEverybody(stage: Stage): Promise<void> {
  for (const { userId, customerId } of stage.cast.people) {
    await stage.ask('erase-person', { userId, ...(customerId === null ? {} : { customerId }) });
  }
  await stage.idle('everybody is erased');
  await stage.ask('backfill-stripe', {});
  await stage.idle('Stripe is read once more');
}

/** Kinds of which no job was ever done. */
export async function untouchedKinds({ sql }: Stage): Promise<string[]> {
  const rows = await sql`select distinct kind from evenfall.job where state = 'done'`;
  const touched = new Set(rows.map((row) => row['kind']));
  return allJobs.map(({ name }) => name).filter((name) => !touched.has(name));
}

type Work = readonly [kind: string, payload: object];

async function cast({ cast: of, sql }: Stage) {
  const own = { customer: 'same address' } as const;
  const linked = async (person: Person) => await of.team(person, { stripe_customer_id: person.customerId });

  const known = await of.person(own);
  of.subscribe(known.customerId);
  const knownTeam = await linked(known);
  const leaver = await of.person(own);
  of.subscribe(leaver.customerId);
  const trial = await of.person(own);
  await linked(trial);
  // written to at the address that Stripe has
  const fallback = await of.person({
    customer: 'another address',
    isLinked: false,
    user: { is_active: false },
  });
  await linked(fallback);
  const card = await of.person(own);
  await linked(card);
  const cardId = of.card(card.customerId, card.name);
  const sleeper = await of.person();
  const doomed = await of.person();
  const reminded = await of.person();
  const stranger = { email_verified_at: null, last_seen_at: null, created_at: ago(11) };
  await of.person({ user: stranger });
  const keeper = await of.person({ user: stranger });
  const odd = await of.person();
  const unlinked = await of.person({ ...own, isLinked: false });
  of.subscribe(unlinked.customerId);
  const unreachable = await of.person({ user: { is_active: false } });
  const refused = await of.person(own);
  const bouncing = [await of.person(), await of.person(), await of.person()];
  const ordinary: Work[] = [
    ['sync-customer', { customerId: known.customerId }],
    ['cancel-subscription', { teamId: knownTeam, when: 'at_period_end' }],
    ['deactivate-account', { userId: leaver.userId }],
    ['trial-ending-email', { subscriptionId: of.trial(trial.customerId), offset: 'P3D' }],
    ['trial-ending-email', { subscriptionId: of.trial(fallback.customerId), offset: 'P3D' }],
    ['expiring-card-email', { cardId }],
    ['mark-team-for-deletion', { teamId: await of.team(sleeper) }],
    ['mark-team-for-deletion', { teamId: await of.team(unlinked) }],
    ['mark-team-for-deletion', { teamId: await of.team(unreachable) }],
    ['delete-inactive-team', { teamId: await of.marked(doomed) }],
    ['deletion-reminder-email', { teamId: await of.marked(reminded, { daysLeft: 2 }) }],
    ['sweep', { sweep: 'trial-ending-email' }],
    ['forget-old-records', {}],
  ];
  // something that is over for long, so that forgetting has something to do
  await sql`
    insert into evenfall.history (at, what, subject, source) values (${ago(4_000)}, 'team.deleted', 'team:0', 'proof')`;
  return { ordinary, known, refused, bouncing, keeper, odd };
}

/** Stripe says no, and names whom it is about. */
async function refusedByStripe(stage: Stage, { customerId, name, email }: Person): Promise<void> {
  const subscription = stage.cast.subscribe(customerId);
  const message = `The subscription of ${name} <${email}> is managed by a schedule of ${name}.`;
  const error = { type: 'invalid_request_error', code: 'resource_locked', message };
  stage.stripe.faults.add({ kind: 'refused', status: 400, error, match: { subscription, method: 'DELETE' } });
  await stage.ask('cancel-subscription', { customerId, when: 'now' });
  await stage.idle('the refusal is a dead letter');
}

/** The mail server quotes the recipient: refusing for good, for now, and going away behind the mail. */
async function bounced(
  { inbox, ask, idle }: Stage,
  [forGood, forNow, away]: readonly Person[],
): Promise<void> {
  inbox.faults.add({ kind: 'refuse', code: 550, at: 'rcpt' });
  await ask('deactivate-account', { userId: forGood!.userId });
  await idle('the bounce is a dead letter');
  inbox.faults.add({ kind: 'refuse', code: 451, at: 'data' });
  await ask('deactivate-account', { userId: forNow!.userId });
  await idle('the mail is sent after all');
  inbox.faults.add({ kind: 'drop-after-accept' });
  await ask('deactivate-account', { userId: away!.userId });
  await idle('nobody knows of the mail');
}

/** The app's own tables say no, in words of their own: by a trigger, and by a fault of the server's. */
async function refusedByTheApp(
  { sql, ask, idle, until, logged }: Stage,
  people: { keeper: Person; odd: Person },
) {
  await sql.unsafe(`
    create function public.refuse() returns trigger language plpgsql as $$
    begin
      raise exception 'the user % <%> may not be touched', old.name, old.email using errcode = tg_argv[0];
    end $$;
    create trigger keep before delete on public.users for each row
      when (old.id = ${people.keeper.userId}) execute function public.refuse('P0001');
    create trigger break before update on public.users for each row
      when (old.id = ${people.odd.userId}) execute function public.refuse('XX001')`);
  await ask('delete-unverified-users', {});
  await idle('the refusal of the app is a dead letter');
  await ask('deactivate-account', { userId: people.odd.userId });
  await until('the fault is in the log', async () => Promise.resolve(/"code":"XX001"/.test(logged())));
  await sql.unsafe('drop trigger keep on public.users; drop trigger break on public.users');
  await ask('delete-unverified-users', {});
  await idle('the fault is mended');
}

/** A worker that dies there, with work that leads there. */
async function crash(stage: Stage, built: Built, point: string): Promise<void> {
  const { cast: of } = stage;
  const kind = point.split(':')[1] ?? '';
  const person = await of.person({ customer: 'same address' });
  await of.team(person, { stripe_customer_id: person.customerId });
  const work: Record<string, () => object> = {
    'trial-ending-email': () => ({ subscriptionId: of.trial(person.customerId), offset: 'P3D' }),
    'expiring-card-email': () => ({ cardId: of.card(person.customerId, person.name) }),
    'deactivate-account': () => ({ userId: person.userId }),
    'cancel-subscription': () => {
      of.subscribe(person.customerId);
      return { customerId: person.customerId, when: 'now' };
    },
    'sync-customer': () => ({ customerId: person.customerId }),
  };
  const worker = await stage.startWorker(built, `${point}=kill`);
  await stage.ask(kind, work[kind]!());
  await worker.exited;
}
