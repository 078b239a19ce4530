import { of } from './mutation.ts';

const trialing = "s.status = 'trialing' and not s.gone and not s.cancel_at_period_end";
const cancelAt = '(s.cancel_at is null or s.cancel_at > s.trial_end)';
const trialNotice =
  "n.kind = 'trial-ending' and n.subject = 'subscription:' || due.id\n      and n.occasion = due.ends || ' ' || due.reminder";
const trialDead = "d.resolved_at is null and d.kind = 'trial-ending-email'";
const trialPayload = "j.payload @> jsonb_build_object('subscriptionId', due.id, 'offset', due.reminder)";

const trials = of('sweeps/trial-ending-email.sql', [
  ['it is in trial', trialing, trialing.replace("s.status = 'trialing' and ", '')],
  ['paid already, it is not', trialing, trialing.replace("= 'trialing'", "in ('trialing', 'active')")],
  ['paused, it is not', trialing, trialing.replace("= 'trialing'", "in ('trialing', 'paused')")],
  ['cancelled, it is not', trialing, trialing.replace("= 'trialing'", "in ('trialing', 'canceled')")],
  ['gone in Stripe, it is not', trialing, trialing.replace('not s.gone and ', '')],
  [
    '0.9: not one that ends with its period',
    trialing,
    trialing.replace(' and not s.cancel_at_period_end', ''),
  ],
  ['0.9: not one that ends with its trial', cancelAt, cancelAt.replace('>', '>=')],
  ['0.9: not one that ends before', cancelAt, 'true'],
  ['0.9: one that ends later', cancelAt, 's.cancel_at is null'],
  ['a trial without an end is none', 's.trial_end > @now::timestamptz', '@now::timestamptz is not null'],
  ['the rule is asked', "@now::timestamptz) = 'due'", "@now::timestamptz) <> 'early'"],
  ['a mail goes out once', trialNotice, 'false'],
  ['… whether or not it was sent', trialNotice, `n.state = 'sent' and ${trialNotice}`],
  ['… one that may have been sent too', trialNotice, `n.state <> 'unknown' and ${trialNotice}`],
  ['… one that was decided against too', trialNotice, `n.state <> 'suppressed' and ${trialNotice}`],
  ['… another mail is not that one', trialNotice, trialNotice.replace("n.kind = 'trial-ending' and ", '')],
  [
    '… a notice is of its own subscription',
    trialNotice,
    trialNotice.replace("n.subject = 'subscription:' || due.id\n      and ", ''),
  ],
  [
    'd16: … another end is another mail',
    trialNotice,
    trialNotice.replace("= due.ends || ' ' ||", "like '% ' ||"),
  ],
  [
    '… another offset is another mail',
    trialNotice,
    trialNotice.replace("= due.ends || ' ' || due.reminder", "like due.ends || ' %'"),
  ],
  ['one that lies dead waits for a person', trialDead, 'false'],
  ['… until it is resolved', trialDead, trialDead.replace('d.resolved_at is null and ', '')],
  ['… another kind is not this one', trialDead, trialDead.replace(" and d.kind = 'trial-ending-email'", '')],
  [
    '… a dead letter is of its own subscription',
    trialPayload,
    trialPayload.replace("'subscriptionId', due.id, ", ''),
  ],
  ['… of this offset alone', trialPayload, trialPayload.replace(", 'offset', due.reminder", '')],
  [
    'ruling 10: metadata say whose it is',
    'team_of_customer(due.customer_id, due.team_id)',
    'team_of_customer(due.customer_id, null)',
  ],
]);

const superseded =
  '> (trial_end - trial_reminder.reminder::interval, trial_reminder.reminder)\n        and trial_end - other.reminder::interval < now)';

const reminder = of('functions/trial_reminder.sql', [
  ['ruling 11: the last 24 hours are strict', "<= now then 'late'", "< now then 'late'"],
  ['ruling 11: while more than 24 hours are left', "interval '24 hours'", "interval '23 hours'"],
  ['ruling 11: a missed mail is sent', "interval '24 hours'", "interval '25 hours'"],
  ['0.9: three days are strict', ">= now then 'early'", "> now then 'early'"],
  ['0.9: not before its time', "when trial_end - reminder::interval >= now then 'early'", ''],
  [
    'months are counted back from the end',
    'trial_end - reminder::interval >= now',
    'trial_end >= now + reminder::interval',
  ],
  [
    'ruling 11: a trial up to the offset is too short',
    ">= trial_end then 'short'",
    "> trial_end then 'short'",
  ],
  [
    'ruling 11: not for one that is too short',
    "when trial_start + reminder::interval >= trial_end then 'short'",
    '',
  ],
  [
    'one reminder speaks for all that are reached',
    superseded,
    superseded.replace('< now)', '< now and false)'),
  ],
  [
    '… only one that is reached',
    superseded,
    superseded.replace('\n        and trial_end - other.reminder::interval < now)', ')'),
  ],
  ['… strictly', superseded, superseded.replace('< now)', '<= now)')],
  ['… a later one', superseded, superseded.replace('>', '<')],
  ['… not itself', superseded, superseded.replace('>', '>=')],
  [
    '… and one of two that are the same',
    '(trial_end - other.reminder::interval, other.reminder)\n            > (trial_end - trial_reminder.reminder::interval, trial_reminder.reminder)',
    'trial_end - other.reminder::interval > trial_end - trial_reminder.reminder::interval',
  ],
  ['d36: in UTC, whatever the session', "set timezone = 'UTC' ", '', { zone: 'Europe/Brussels' }],
]);

const charged =
  "s.status in ('active', 'trialing', 'past_due') and not s.gone and not s.cancel_at_period_end";
const ending = '(s.cancel_at is null or s.cancel_at > greatest(c.expires_at, s.current_period_end))';
const own = 'where s.default_payment_method = c.id';
const customers = 'where p.default_payment_method = c.id and s.default_payment_method is null';
const cardNotice = "n.kind = 'expiring-card' and n.subject = 'card:' || due.id and n.occasion = due.month";
const cardDead = "d.resolved_at is null and d.kind = 'expiring-card-email'";
const cardPayload = "j.payload @> jsonb_build_object('cardId', due.id)";

const cards = of('sweeps/expiring-card-email.sql', [
  ...['active', 'trialing', 'past_due'].map(
    (status) =>
      [`ruling 12: ${status} is charged`, charged, charged.replace(`'${status}'`, "'nothing'")] as const,
  ),
  ...['unpaid', 'paused', 'canceled', 'incomplete', 'incomplete_expired'].map(
    (status) =>
      [
        `ruling 12: ${status} is not charged`,
        charged,
        charged.replace("'active'", `'active', '${status}'`),
      ] as const,
  ),
  ['gone in Stripe, it is not charged', charged, charged.replace('not s.gone and ', '')],
  [
    'ending with its period, it is not charged',
    charged,
    charged.replace(' and not s.cancel_at_period_end', ''),
  ],
  ['ending at once, it is not charged', ending, 'true'],
  ['ending later, it is charged', ending, 's.cancel_at is null'],
  [
    'ending with the card or with its period, it is not charged',
    ending,
    ending.replace('s.cancel_at >', 's.cancel_at >='),
  ],
  [
    'ending before its next charge, it is not charged',
    ending,
    ending.replace('greatest(c.expires_at, s.current_period_end)', 'c.expires_at'),
  ],
  [
    'ending before the card, it is not charged to it again',
    ending,
    ending.replace(
      'greatest(c.expires_at, s.current_period_end)',
      "coalesce(s.current_period_end, '-infinity')",
    ),
  ],
  ['its own default is charged', own, 'where false'],
  ['else the default of its customer', customers, 'where false'],
  ['… only where it has none', customers, customers.replace(' and s.default_payment_method is null', '')],
  ['a detached card backs nothing', 'where not c.detached and', 'where'],
  ['2.4: it backs something', 'b.backed is not null\n    and ', ''],
  [
    'an expired card is not told of',
    'c.expires_at > @now::timestamptz\n    and ',
    '',
    { unseen: 'card_expiry says expired; it bounds what the index is read for' },
  ],
  ['the rule is asked', "@now::timestamptz) = 'due'", "@now::timestamptz) <> 'expired'"],
  ['a mail goes out once', cardNotice, 'false'],
  ['… one that may have been sent too', cardNotice, `n.state <> 'unknown' and ${cardNotice}`],
  ['… one that was decided against too', cardNotice, `n.state <> 'suppressed' and ${cardNotice}`],
  ['… another mail is not that one', cardNotice, cardNotice.replace("n.kind = 'expiring-card' and ", '')],
  ['… a notice is of its own card', cardNotice, cardNotice.replace("n.subject = 'card:' || due.id and ", '')],
  ['… another expiry is another mail', cardNotice, cardNotice.replace(' and n.occasion = due.month', '')],
  ['one that lies dead waits for a person', cardDead, 'false'],
  ['… until it is resolved', cardDead, cardDead.replace('d.resolved_at is null and ', '')],
  ['… another kind is not this one', cardDead, cardDead.replace(" and d.kind = 'expiring-card-email'", '')],
  ['… a dead letter is of its own card', cardPayload, "j.payload ? 'cardId'"],
]);

const expiry = of('functions/card_expiry.sql', [
  ['ruling 12: at its end it has expired', "<= now then 'expired'", "< now then 'expired'"],
  ['ruling 12: an expired card is not told of', "when expires_at <= now then 'expired'", ''],
  ['ruling 12: the window is strict', ">= now then 'early'", "> now then 'early'"],
  ['ruling 12: not before the window', "when expires_at - card_window::interval >= now then 'early'", ''],
  [
    'months are counted back from the end',
    'expires_at - card_window::interval >= now',
    'expires_at >= now + card_window::interval',
  ],
  ['d36: in UTC, whatever the session', "set timezone = 'UTC' ", '', { zone: 'Europe/Brussels' }],
]);

const byColumn = 'where t.stripe_customer_id = $1 order by t.id limit 1';
const team = of('functions/team_of_customer.sql', [
  ['ruling 10: the column says whose a customer is', byColumn, byColumn.replace('where', 'where false and')],
  ['… of several teams the first', byColumn, byColumn.replace('t.id limit', 't.id desc limit')],
  ['… before the metadata', 'if team is null and $2 is not null then', 'if $2 is not null then'],
  ['… else the metadata', 'if team is null and $2 is not null then', 'if false then'],
  ['metadata may be anything', 'exception when data_exception or', 'exception when'],
]);

export const mails = [...trials, ...reminder, ...cards, ...expiry, ...team];
