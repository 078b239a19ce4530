import {
  cardEnds,
  expiring,
  expiringCardsDue,
  known,
  reminding,
  takeDuration,
  teamOfCustomer,
  trialRemindersDue,
} from '../oracle/index.ts';
import { expiries, moments, monthEnd, trialReminders } from '../world/moments.ts';
import { asking, collect, dueFor, parametersOf } from './check.ts';
import type { Check } from './check.ts';

const reminders = moments.flatMap((moment) =>
  trialReminders
    .filter((offsets) => moment === monthEnd || offsets.length > 1)
    .map((offsets) => asking(moment, { trialReminders: [...offsets] })),
);

/** A card's boundaries are months' ends: it is the asking that lies around them. */
const windows = expiries.flatMap(([year, month, cardWindow]) => {
  const end = cardEnds(year, month);
  const edges = [takeDuration(end, cardWindow), end];
  return edges.flatMap((edge) => [-1, 0, 1].map((nudge) => asking(edge + nudge, { cardWindow })));
});

export const mails: readonly Check[] = [
  {
    name: 'what the job asks of a trial',
    files: ['functions/trial_reminder.sql'],
    askings: reminders,
    async bySql(asks, { now, policies }) {
      const rows = await asks.rows(
        `select s.id || ' ' || o.reminder as subject,
           evenfall.trial_reminder(s.trial_start, s.trial_end, o.reminder, $1::text[], $2::timestamptz) as verdict
         from evenfall.subscription s cross join unnest($1::text[]) as o (reminder)
         where s.trial_end is not null`,
        [policies.trialReminders, new Date(now)],
      );
      return collect(rows.map((row) => [String(row['subject']), String(row['verdict'])]));
    },
    byOracle: ({ now, policies: { trialReminders: offsets }, subscriptions }) =>
      collect(
        subscriptions.flatMap(({ id, trialStart, trialEnd }) =>
          trialEnd === null
            ? []
            : offsets.map(
                (offset) =>
                  [`${id} ${offset}`, reminding({ trialStart, trialEnd }, offset, offsets, now)] as const,
              ),
        ),
      ),
  },
  {
    name: 'trial-ending-email',
    files: [
      'sweeps/trial-ending-email.sql',
      'functions/trial_reminder.sql',
      'functions/team_of_customer.sql',
    ],
    askings: reminders,
    async bySql(asks, world) {
      const rows = await asks.sweep('trial-ending-email', parametersOf(world));
      const offset = (payload: unknown) => (payload as { offset: string }).offset;
      return collect(
        rows.map(({ subject, payload, teamId }) => [`${subject} ${offset(payload)}`, dueFor(teamId)]),
      );
    },
    byOracle(world) {
      const facts = known(world);
      const customers = new Map(world.subscriptions.map((one) => [one.id, one.customerId]));
      return collect(
        trialRemindersDue(world).map(({ subscription, offset }) => {
          const team = teamOfCustomer(customers.get(subscription) ?? null, facts);
          return [`${subscription} ${offset}`, dueFor(team)];
        }),
      );
    },
  },
  {
    name: 'what the job asks of a card',
    files: ['functions/card_expiry.sql'],
    askings: windows,
    async bySql(asks, { now, policies }) {
      const rows = await asks.rows(
        'select c.id, evenfall.card_expiry(c.expires_at, $1, $2::timestamptz) as verdict from evenfall.card c',
        [policies.cardWindow, new Date(now)],
      );
      return collect(rows.map((row) => [String(row['id']), String(row['verdict'])]));
    },
    byOracle: ({ now, policies, cards }) =>
      collect(
        cards.map(({ id, expYear, expMonth }) => [
          id,
          expiring(cardEnds(expYear, expMonth), policies.cardWindow, now),
        ]),
      ),
  },
  {
    name: 'expiring-card-email',
    files: ['sweeps/expiring-card-email.sql', 'functions/card_expiry.sql', 'functions/team_of_customer.sql'],
    askings: windows,
    async bySql(asks, world) {
      const rows = await asks.sweep('expiring-card-email', parametersOf(world));
      return collect(rows.map(({ subject, teamId }) => [subject, dueFor(teamId)]));
    },
    byOracle(world) {
      const facts = known(world);
      const teamOf = (cardId: string) => teamOfCustomer(facts.card(cardId)?.customerId ?? null, facts);
      return collect([...expiringCardsDue(world)].map((id) => [id, dueFor(teamOf(id))]));
    },
  },
];
