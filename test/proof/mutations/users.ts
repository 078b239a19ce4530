import { of } from './mutation.ts';

const age = 'u.created_at + @unverified_user_age::text::interval < @now::timestamptz';

const sweep = of('sweeps/delete-unverified-users.sql', [
  ['4.2: ten days are strict', age, age.replace('<', '<=')],
  [
    'd35: counted forward, in months too',
    age,
    'u.created_at < @now::timestamptz - @unverified_user_age::text::interval',
  ],
  [
    '4.2: older than the policy says',
    age,
    "u.created_at + @unverified_user_age::text::interval < 'infinity' and @now::timestamptz is not null",
  ],
  ['d36: a day has 24 hours', age, age, { zone: 'Europe/Brussels' }],
  ['4.2: never verified', 'where u.email_verified_at is null', 'where true'],
  ['d28: what ties them to the app counts', 'and evenfall.user_spared(u.id::text) is null', ''],
]);

const spared = of('functions/user_spared.sql', [
  ['ruling 8: a log-in keeps', 'when u.last_seen_at is not null', 'when false'],
  ['ruling 8: a customer keeps', 'when u.stripe_customer_id is not null', 'when false'],
  ['d28: a team keeps its owner', 'where t.owner_id = u.id', 'where false'],
  ['d28: a membership keeps', 'where m.user_id = u.id', 'where false'],
  ['d28: an invitation keeps', 'where m.user_id = u.id', "where m.user_id = u.id and m.role <> 'invited'"],
  ['… of their own alone', 'where m.user_id = u.id', 'where true'],
]);

export const users = [...sweep, ...spared];
