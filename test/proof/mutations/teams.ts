import { of } from './mutation.ts';

const age = 't.created_at + @inactive_team_age::text::interval < @now::timestamptz';
const marked = "d.team_id = t.id::text and d.state in ('noticed', 'deleting')";
const found =
  "f.kind = 'nobody-to-notify' and f.subject = 'team:' || t.id::text and f.acknowledged_at is null";
const dead = "l.resolved_at is null and l.kind = 'mark-team-for-deletion' and l.team_id = t.id::text";

const mark = of('sweeps/mark-team-for-deletion.sql', [
  ['4.5: six months are strict', age, age.replace('<', '<=')],
  [
    'd35: six months are counted forward',
    age,
    't.created_at < @now::timestamptz - @inactive_team_age::text::interval',
  ],
  [
    '4.3: it is old enough',
    age,
    "t.created_at + @inactive_team_age::text::interval < 'infinity' and @now::timestamptz is not null",
  ],
  [
    'the age is that of the policy',
    age,
    "t.created_at + interval '6 months' < @now::timestamptz and @inactive_team_age::text is not null",
  ],
  ['d36: a month is counted in UTC', age, age, { zone: 'Europe/Brussels' }],
  ['4.3: a noticed mark has been told', marked, marked.replace("'noticed', ", '')],
  ['4.3: one whose deletion has begun has been told', marked, marked.replace(", 'deleting'", '')],
  ['4.3: a marking has told nobody', marked, marked.replace("'noticed'", "'marking', 'noticed'")],
  ['ruling 6: a cleared mark is not live', marked, marked.replace("'noticed'", "'cleared', 'noticed'")],
  ['ruling 6: a deleted mark is not live', marked, marked.replace("'noticed'", "'deleted', 'noticed'")],
  ['a mark is of its own team', marked, marked.replace('d.team_id = t.id::text and ', '')],
  ['ruling 9: nobody to write to: a person is waited for', found, 'false'],
  ['… another finding is not that one', found, found.replace("f.kind = 'nobody-to-notify' and ", '')],
  ['… a finding is of its own team', found, found.replace("f.subject = 'team:' || t.id::text and ", '')],
  ['… until it is acknowledged', found, found.replace(' and f.acknowledged_at is null', '')],
  ['a dead marking waits for a person', dead, 'false'],
  ['… until it is resolved', dead, dead.replace('l.resolved_at is null and ', '')],
  [
    '… a dead deletion is not a dead marking',
    dead,
    dead.replace("l.kind = 'mark-team-for-deletion' and ", ''),
  ],
  ['… a dead letter is of its own team', dead, dead.replace(' and l.team_id = t.id::text', '')],
  ['4.3: what speaks for it counts', 'and evenfall.team_spared(t.id::text, @now::timestamptz) is null', ''],
]);

const noticed = "d.state = 'noticed' and d.delete_after < @now::timestamptz";
const deadDeletion = "l.resolved_at is null and l.kind = 'delete-inactive-team' and l.team_id = d.team_id";

const deletion = of('sweeps/delete-inactive-team.sql', [
  ['4.7: the date is strict', noticed, noticed.replace('<', '<=')],
  ['4.7: the date is past', noticed, `${noticed.split(' and ')[0]} and @now::timestamptz is not null`],
  [
    'its notice was sent, and it is not yet deleted',
    noticed,
    noticed.replace("d.state = 'noticed' and ", ''),
  ],
  [
    'a deletion that has begun goes on by itself',
    noticed,
    noticed.replace("= 'noticed'", "in ('noticed', 'deleting')"),
  ],
  ['a cleared mark is taken back', noticed, noticed.replace("= 'noticed'", "in ('noticed', 'cleared')")],
  ['a deleted mark is over', noticed, noticed.replace("= 'noticed'", "in ('noticed', 'deleted')")],
  ['a dead deletion waits for a person', deadDeletion, 'false'],
  ['… until it is resolved', deadDeletion, deadDeletion.replace('l.resolved_at is null and ', '')],
  [
    '… a dead marking is not a dead deletion',
    deadDeletion,
    deadDeletion.replace("l.kind = 'delete-inactive-team' and ", ''),
  ],
  ['… of this team alone', deadDeletion, deadDeletion.replace(' and l.team_id = d.team_id', '')],
]);

const column = 'where t.id = $1::evenfall.app_team_id and t.stripe_customer_id is not null';
const metadata = 'where c.team_id = $1';
const owners =
  'where t.id = $1::evenfall.app_team_id and t.stripe_customer_id is null and u.stripe_customer_id is not null';
const elsewhere = 'where other.stripe_customer_id = u.stripe_customer_id and other.id <> t.id)';
const protects = 'p.team_id = $1 and (p.until is null or p.until > $2)';
const subscribed = "where s.status <> 'incomplete_expired'";
const statuses = ['active', 'trialing', 'past_due', 'unpaid', 'paused', 'canceled', 'incomplete'];
const kinds = ['snooze', 'exempt', 'hold'];

const spared = of('functions/team_spared.sql', [
  ['ruling 5: the column names a customer', column, 'where false'],
  ['ruling 5: metadata names a customer', metadata, 'where false'],
  ['… of a deleted customer too', metadata, `${metadata} and not c.deleted`],
  ['ruling 5: the owner is a customer', owners, 'where false'],
  ['… for a team without one alone', owners, owners.replace('t.stripe_customer_id is null and ', '')],
  ['1.2: … unless another team has it', elsewhere, 'where false)'],
  [
    '… another one',
    elsewhere,
    elsewhere.replace(' and other.id <> t.id', ''),
    { unseen: 'a team without a customer does not have this one' },
  ],
  ['a protection protects', protects, 'false'],
  ['… its own team', protects, protects.replace('= $1', 'in ($1, ($1::bigint - 1)::text)')],
  ['… without end', protects, protects.replace('p.until is null or ', '')],
  ['… at its end no longer', protects, protects.replace('p.until > $2', 'p.until >= $2')],
  ['… after its end no longer', protects, protects.replace('p.until > $2', 'true')],
  ['… until its end', protects, protects.replace('p.until > $2', 'false')],
  ...kinds.map((kind) => [`a ${kind} protects`, protects, `p.kind <> '${kind}' and ${protects}`] as const),
  ['4.3: whoever has subscribed is spared', subscribed, 'where false'],
  ['ruling 4: incomplete_expired is no subscription', subscribed, 'where true'],
  ...statuses.map(
    (status) =>
      [
        `ruling 4: one that is ${status} is a subscription`,
        subscribed,
        `where s.status not in ('incomplete_expired', '${status}')`,
      ] as const,
  ),
  ['… also when Stripe has it no more', subscribed, `${subscribed} and not s.gone`],
  ['whoever has paid is spared', 'where u.has_paid', 'where false'],
  ['… with money', 'where u.has_paid', 'where true'],
  ['… with money, deleted since or not', 'where u.has_paid', 'where u.has_paid and not u.deleted'],
]);

const cleared = of('functions/clear_marks.sql', [
  ['4.6: the column names a team', 'on t.stripe_customer_id = s.id\n', 'on false\n'],
  ['4.6: metadata names a team', 'where c.team_id is not null', 'where false'],
  ['4.6: the owner is a customer', 'on t.owner_id = u.id and t.stripe_customer_id is null', 'on false'],
  [
    '… one without a customer alone',
    'on t.owner_id = u.id and t.stripe_customer_id is null',
    'on t.owner_id = u.id',
  ],
  ['… unless another team has it', 'where other.stripe_customer_id = s.id)', 'where false)'],
  [
    'ruling 4: incomplete_expired is no subscription',
    "where s.customer_id = any ($1) and s.status <> 'incomplete_expired'",
    'where s.customer_id = any ($1)',
  ],
]);

export const teams = [...mark, ...deletion, ...spared, ...cleared];
