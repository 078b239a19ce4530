import { randomUUID } from 'node:crypto';
import { jobs } from '../src/client/index.ts';
import { endings } from './endings.ts';
import { scene } from './scene.ts';
import type { Scene } from './scene.ts';

const trialDays = 14;

/**
 * The story, in the order in which it is played. A new scene is one more entry: what to do in `play`, with
 * what the stage offers, and what must be so afterwards in `expects`.
 */
export const story: readonly Scene[] = [
  scene({
    name: 'stripe-500s',
    title: 'Stripe fails, then works',
    tells:
      'The app cancels a subscription by SQL, inside its own transaction. Stripe answers two runs with 500s ' +
      'only (the SDK sends each request twice), the third one works. That Stripe fails uses no attempt.',
    async play(stage) {
      const team = await stage.payingTeam();
      stage.stripe.faults.add({
        kind: 'server-error',
        match: { method: 'DELETE', subscription: team.subscriptionId },
        times: 4,
      });
      const job = await stage.ended(await stage.cancelFromSql(team));
      return { team, job };
    },
    expects: [
      { what: 'the job', expected: 'done', see: ({ job }) => job.state },
      { what: 'attempts used up', expected: 0, see: ({ job }) => job.attempts },
      {
        what: 'requests answered with 500',
        expected: 4,
        see: ({ team }, stage) => stage.writes(team).filter(({ status }) => status === 500).length,
      },
      { what: 'cancellations at Stripe', expected: 1, see: ({ team }, stage) => stage.cancellations(team) },
      {
        what: 'history of the team',
        expected: 'subscription.cancelled',
        see: async ({ team }, stage) => (await stage.historyOf(team)).join(', '),
      },
    ],
  }),

  scene({
    name: 'stripe-refuses',
    title: 'Stripe refuses for good',
    tells:
      'Stripe refuses a cancellation because our key lacks a right. Trying again would not help: the job is ' +
      'dead at once, and people are told.',
    async play(stage) {
      const team = await stage.payingTeam();
      // once only: whoever replays the dead letter afterwards has mended the key
      stage.stripe.faults.add({
        kind: 'refused',
        match: { method: 'DELETE', subscription: team.subscriptionId },
        status: 403,
        error: {
          type: 'invalid_request_error',
          code: 'more_permissions_required_for_application',
          message: 'The provided key does not have the required permissions for this endpoint.',
        },
      });
      const job = await stage.ended(await stage.cancelFromSql(team));
      const letters = await stage.sql<{ id: number; error: Record<string, unknown> }[]>`
        select id::int, error from evenfall.dead_letter where job_id = ${job.id}`;
      const alert = `dead-letter-${letters[0]?.id}`;
      const [mail, post] = await Promise.all([stage.mailed(alert), stage.posted(alert)]);
      const asked = await stage.api('GET', `/v1/jobs/${job.id}`);
      return { team, job, letters, mail, post, asked, error: letters[0]?.error ?? {} };
    },
    expects: [
      { what: 'the job', expected: 'dead', see: ({ job }) => job.state },
      { what: 'dead letters', expected: 1, see: ({ letters }) => letters.length },
      { what: 'its HTTP status', expected: 403, see: ({ error }) => Number(error['httpStatus']) },
      { what: 'its type', expected: 'invalid_request_error', see: ({ error }) => String(error['type']) },
      {
        what: 'its code',
        expected: 'more_permissions_required_for_application',
        see: ({ error }) => String(error['code']),
      },
      {
        what: 'its request id',
        expected: "the refused request's",
        see({ team, error }, stage) {
          const refused = stage.writes(team).find(({ status }) => status === 403);
          return refused?.id === error['requestId'] ? "the refused request's" : String(error['requestId']);
        },
      },
      {
        what: 'the mail is to',
        expected: 'operators@example.com',
        see: ({ mail }) => mail.envelope.to.join(', '),
      },
      {
        what: 'the webhook is told of job',
        expected: 'the same',
        see: ({ post, job }) => sameness(post['jobId'], job.id),
      },
      {
        what: 'the app may tell its user',
        expected: 'please contact support',
        see: ({ asked }) => /please contact support/.exec(String(asked.body['publicMessage']))?.[0],
      },
      { what: 'cancellations at Stripe', expected: 0, see: ({ team }, stage) => stage.cancellations(team) },
    ],
  }),

  scene({
    name: 'rolled-back',
    title: 'The app rolls back',
    tells:
      'The app asks for a cancellation and then rolls its transaction back. Another team, asked for after it, ' +
      'is cancelled; of the first one nothing is ever heard.',
    async play(stage) {
      const [team, marker] = [await stage.payingTeam(), await stage.payingTeam()];
      const jobId = await stage.cancelAndRollBack(team);
      const markerJob = await stage.ended(await stage.cancelFromSql(marker));
      return { team, marker, jobId, markerJob };
    },
    expects: [
      { what: 'the job asked for after it', expected: 'done', see: ({ markerJob }) => markerJob.state },
      {
        what: 'its cancellations at Stripe',
        expected: 1,
        see: ({ marker }, stage) => stage.cancellations(marker),
      },
      {
        what: 'jobs of the team that was rolled back',
        expected: 0,
        see: async ({ team, jobId }, stage) =>
          (await stage.sql`select from evenfall.job where id = ${jobId} or team_id = ${team.id}`).length,
      },
      {
        what: 'requests to Stripe about it',
        expected: 0,
        see: ({ team }, stage) => stage.requestsAbout(team).length,
      },
    ],
  }),

  scene({
    name: 'worker-killed',
    title: 'A worker is killed',
    tells:
      'Stripe has cancelled, and before its answer is read the worker dies of kill -9. The other worker finds ' +
      'the job, asks Stripe how it stands, and finishes it.',
    async play(stage) {
      const team = await stage.payingTeam();
      stage.stripe.faults.add({
        kind: 'hang',
        act: true,
        match: { method: 'DELETE', subscription: team.subscriptionId },
      });
      try {
        const jobId = await stage.cancelFromSql(team);
        await stage.until('Stripe to cancel', () => stage.writes(team).find(({ acted }) => acted));
        const killed = await stage.killWorkerOf(jobId);
        const job = await stage.ended(jobId);
        return { team, job, seconds: (job.startedAt.getTime() - killed.at.getTime()) / 1_000 };
      } finally {
        await stage.makeWhole();
      }
    },
    expects: [
      { what: 'the job', expected: 'done', see: ({ job }) => job.state },
      {
        what: 'from the kill until it ran again',
        expected: { atMost: 12, unit: 's' },
        see: ({ seconds }) => seconds,
      },
      { what: 'attempts that failed', expected: 0, see: ({ job }) => job.attempts },
      { what: 'crashes', expected: 1, see: ({ job }) => job.crashes },
      { what: 'cancellations at Stripe', expected: 1, see: ({ team }, stage) => stage.cancellations(team) },
      {
        what: 'history of the team',
        expected: 'subscription.cancelled',
        see: async ({ team }, stage) => (await stage.historyOf(team)).join(', '),
      },
    ],
  }),

  scene({
    name: 'period-end-node',
    title: 'From Node, at period end',
    tells: 'A Node app asks, with types, for a cancellation at the end of the period that is paid.',
    async play(stage) {
      const team = await stage.payingTeam();
      const id = await stage.client.enqueue(jobs.cancelSubscription, {
        teamId: team.id,
        when: 'at_period_end',
      });
      const job = await stage.ended(id);
      return { team, job, subscription: stage.stripe.store.subscriptions.get(team.subscriptionId) };
    },
    expects: [
      { what: 'the job', expected: 'done', see: ({ job }) => job.state },
      {
        what: 'the subscription is still',
        expected: 'active',
        see: ({ subscription }) => subscription?.status,
      },
      {
        what: 'it ends with the period',
        expected: 'yes',
        see: ({ subscription }) => (subscription?.cancel_at_period_end ? 'yes' : 'no'),
      },
      {
        what: 'history of the team',
        expected: 'subscription.cancelled-at-period-end',
        see: async ({ team }, stage) => (await stage.historyOf(team)).join(', '),
      },
    ],
  }),

  scene({
    name: 'period-end-http',
    title: 'Over HTTP, at period end',
    tells:
      'An app in any language asks the same over HTTP, and once more, because the first answer was lost.',
    async play(stage) {
      const team = await stage.payingTeam();
      const request = {
        body: { payload: { teamId: team.id, when: 'at_period_end' } },
        idempotencyKey: randomUUID(),
      };
      const first = await stage.api('POST', '/v1/jobs/cancel-subscription', request);
      const second = await stage.api('POST', '/v1/jobs/cancel-subscription', request);
      const job = await stage.ended(Number(first.body['id']));
      return { team, first, second, job };
    },
    expects: [
      { what: 'the answer', expected: 202, see: ({ first }) => first.status },
      {
        what: 'the second request gets the job',
        expected: 'the same',
        see: ({ first, second }) => sameness(second.body['id'], first.body['id']),
      },
      { what: 'the job', expected: 'done', see: ({ job }) => job.state },
      {
        what: 'set to end with the period, at Stripe',
        expected: 1,
        see: ({ team }, stage) => stage.stripe.effects()[team.subscriptionId]?.setToCancelAtPeriodEnd,
      },
    ],
  }),

  scene({
    name: 'twenty-cancellations',
    title: 'Twenty, one by one',
    tells: 'Twenty cancellations by SQL, each timed from the commit until Stripe has cancelled.',
    async play(stage) {
      const teams = await stage.payingTeams(20);
      const milliseconds: number[] = [];
      for (const team of teams) milliseconds.push(await stage.timedCancellation(team));
      return { teams, sorted: milliseconds.toSorted((a, b) => a - b) };
    },
    expects: [
      {
        what: 'cancelled exactly once',
        expected: 20,
        see: ({ teams }, stage) => teams.filter((team) => stage.cancellations(team) === 1).length,
      },
      {
        what: 'from commit to Stripe',
        expected: { atMost: 5_000, unit: 'ms' },
        see({ sorted }) {
          const [median, longest] = [sorted[Math.floor(sorted.length / 2)] ?? 0, sorted.at(-1) ?? 0];
          return { value: longest, says: `p50 ${median.toFixed(0)} ms, max ${longest.toFixed(0)} ms` };
        },
      },
    ],
  }),

  scene({
    name: 'trial-ending-mail',
    title: 'A trial is about to end',
    tells:
      'A trial ends in two days and will be charged then. A search finds it, another one finds nothing new: ' +
      'its owner is told once.',
    async play(stage) {
      const team = await stage.newTeam({
        name: 'Violet Weavers',
        billing: 'trialing',
        createdDaysAgo: trialDays - 2,
      });
      const asked = { subscriptionId: team.subscriptionId };
      await stage.sweep('trial-ending-email');
      await stage.jobsAbout('trial-ending-email', asked);
      await stage.sweep('trial-ending-email');
      const mails = await stage.jobsAbout('trial-ending-email', asked);
      const text = stage.mailsTo(team)[0]?.text ?? '';
      const trialEnd = stage.stripe.store.subscriptions.get(team.subscriptionId)?.trial_end ?? 0;
      return { team, mails, text, trialEnd };
    },
    expects: [
      {
        what: 'mails asked for, by two searches',
        expected: 'done',
        see: ({ mails }) => mails.map(({ state }) => state).join(', '),
      },
      { what: 'mails to the owner', expected: 1, see: ({ team }, stage) => stage.mailsTo(team).length },
      {
        what: 'it says what is charged',
        expected: '€29.00',
        see: ({ text }) => /^ *Price +(\S+)$/m.exec(text)?.[1],
      },
      {
        what: 'it says when the trial ends',
        expected: 'as at Stripe',
        see: ({ text, trialEnd }) =>
          agreement(/^ *Trial ends +\w+, (\w+ \w+ \w+) at/m.exec(text)?.[1], dayOf(trialEnd)),
      },
      {
        what: 'the ledger of mails',
        expected: 'sent',
        see: async ({ team }, stage) => await stage.noticesAbout(`subscription:${team.subscriptionId}`),
      },
    ],
  }),

  scene({
    name: 'trial-cancelled-meanwhile',
    title: 'Cancelled meanwhile',
    tells:
      "Another trial is cancelled at Stripe, and Stripe's event is late: the search still finds it. The job " +
      'asks Stripe again before it writes, and does not write.',
    async play(stage) {
      const team = await stage.newTeam({
        name: 'Violet Sailors',
        billing: 'trialing',
        createdDaysAgo: trialDays - 2,
      });
      const { subscriptionId } = team;
      const [job] = await stage.events.hold(async () => {
        await stage.atStripe('DELETE', `/v1/subscriptions/${subscriptionId}`);
        await stage.sweep('trial-ending-email');
        return await stage.jobsAbout('trial-ending-email', { subscriptionId });
      });
      await stage.eventsOf(subscriptionId, ['customer.subscription.deleted']);
      return { team, job };
    },
    expects: [
      { what: 'the job', expected: 'skipped', see: ({ job }) => job?.state },
      {
        what: 'its reason',
        expected: 'the trial is over: the subscription is canceled',
        see: ({ job }) => job?.reason,
      },
      { what: 'mails to the owner', expected: 0, see: ({ team }, stage) => stage.mailsTo(team).length },
      {
        what: 'the ledger of mails',
        expected: 'suppressed',
        see: async ({ team }, stage) =>
          (await stage.noticesAbout(`subscription:${team.subscriptionId}`)).split(':')[0],
      },
      {
        what: 'the mirror, when the event has come',
        expected: 'canceled',
        see: async ({ team }, stage) => await stage.mirrored(team.subscriptionId),
      },
    ],
  }),

  scene({
    name: 'expiring-card-mail',
    title: 'A card is about to expire',
    tells:
      'The card that a subscription is paid with expires within weeks. Stripe sends no event for ' +
      'that: a search finds it, and its owner is told once.',
    async play(stage) {
      const team = await stage.newTeam({
        name: 'Violet Drummers',
        billing: 'paying',
        createdDaysAgo: 40,
        cardExpires: 'soon',
      });
      const { cardId } = team;
      await stage.sweep('expiring-card-email');
      await stage.jobsAbout('expiring-card-email', { cardId });
      await stage.sweep('expiring-card-email');
      const mails = await stage.jobsAbout('expiring-card-email', { cardId });
      const text = stage.mailsTo(team)[0]?.text ?? '';
      return { team, mails, text, card: stage.stripe.store.paymentMethods.get(cardId)?.card };
    },
    expects: [
      {
        what: 'mails asked for, by two searches',
        expected: 'done',
        see: ({ mails }) => mails.map(({ state }) => state).join(', '),
      },
      { what: 'mails to the owner', expected: 1, see: ({ team }, stage) => stage.mailsTo(team).length },
      {
        what: 'it names the card',
        expected: 'as at Stripe',
        see: ({ text, card }) =>
          agreement(/^ *Card +.* ending in (\d{4})$/m.exec(text)?.[1], String(card?.last4)),
      },
      {
        what: 'it says when the card expires',
        expected: 'as at Stripe',
        see: ({ text, card }) =>
          agreement(
            /^ *Expires +(\S+)$/m.exec(text)?.[1],
            `${String(card?.exp_month).padStart(2, '0')}/${card?.exp_year}`,
          ),
      },
      {
        what: 'the ledger of mails',
        expected: 'sent',
        see: async ({ team }, stage) => await stage.noticesAbout(`card:${team.cardId}`),
      },
    ],
  }),

  scene({
    name: 'events-in-disorder',
    title: 'Events twice, in disorder',
    tells:
      "A subscription is set to end with its period, then cancelled at once. Stripe's events come the wrong " +
      'way round and each of them twice. What they say is not believed: Stripe is asked.',
    async play(stage) {
      const team = await stage.payingTeam();
      const path = `/v1/subscriptions/${team.subscriptionId}`;
      const before = stage.events.deliveries.length;
      await stage.events.hold(
        async () => {
          await stage.atStripe('POST', path, { cancel_at_period_end: 'true' });
          await stage.atStripe('DELETE', path);
        },
        { disorder: true },
      );
      const deliveries = stage.events.deliveries.slice(before);
      const types = ['customer.subscription.updated', 'customer.subscription.deleted'] as const;
      const [updated, deleted] = types;
      return { team, deliveries, updated, deleted, stored: await stage.eventsOf(team.subscriptionId, types) };
    },
    expects: [
      {
        what: 'they come as',
        expected: 'deleted, deleted, updated, updated',
        see: ({ deliveries }) => deliveries.map(({ type }) => type.split('.').at(-1)).join(', '),
      },
      {
        what: 'each time the answer is',
        expected: '200, 200, 200, 200',
        see: ({ deliveries }) => deliveries.map(({ status }) => status).join(', '),
      },
      { what: 'the update is stored', expected: 1, see: ({ stored, updated }) => stored[updated] },
      { what: 'the deletion is stored', expected: 1, see: ({ stored, deleted }) => stored[deleted] },
      {
        what: 'Stripe says',
        expected: 'canceled',
        see: ({ team }, stage) => stage.atStripeNow(team.subscriptionId),
      },
      {
        what: 'the mirror says',
        expected: 'canceled',
        see: async ({ team }, stage) => await stage.mirrored(team.subscriptionId),
      },
    ],
  }),

  ...endings,

  scene({
    name: 'ticks-missed',
    title: 'Away for a day',
    tells:
      'Trials are searched for every ten minutes, and both workers were away for 25 hours. When they are back ' +
      'one search does for all that were missed, and of each it is written down what became of it.',
    play: (stage) => stage.missTicks('trial-ending-email', { everyMinutes: 10, hours: 25 }),
    expects: [
      { what: 'searches missed', expected: 150, see: ({ missed }) => missed },
      { what: 'accounted for', expected: 150, see: ({ accounted }) => accounted },
      { what: 'run for all of them', expected: 1, see: ({ ran }) => ran },
      {
        what: 'the others are',
        expected: 'older than the catch-up window, superseded by the run',
        see: ({ reasons }) => reasons.toSorted().join(', '),
      },
      { what: 'the job of the one', expected: 'done', see: ({ job }) => job.state },
    ],
  }),
];

/** `14 March 2026`, in UTC. */
function dayOf(seconds: number): string {
  const format = { day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' } as const;
  return new Date(seconds * 1_000).toLocaleDateString('en-GB', format);
}

function agreement(said: string | undefined, atStripe: string): string {
  return said === atStripe ? 'as at Stripe' : `${said}, not ${atStripe}`;
}

function sameness(one: unknown, other: unknown): string {
  return one === other ? 'the same' : `${String(one)}, not ${String(other)}`;
}
