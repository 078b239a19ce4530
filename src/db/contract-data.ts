import type pg from 'pg';
import type { Diagnosis } from './contract.ts';

interface Suspicion {
  /** A warning, where it says nothing else. */
  readonly level?: 'error';
  readonly about: string;
  /** A condition over the views. */
  readonly sql: string;
  readonly message: string;
  readonly fix: string;
}

/** What `address` of src/billing/recipient.ts takes for one. */
const isAddress = String.raw`btrim(email) ~ '^[^\s@,;<>"]+@[^\s@,;<>"]+$'`;
const isCustomer = String.raw`stripe_customer_id::text ~ '^cus_[A-Za-z0-9]+$'`;

const manyUsers = '(select count(*) from (select from evenfall.app_user limit 21) u) > 20';

/** What a contract may say that is possible, and hardly ever meant. */
const suspicions: readonly Suspicion[] = [
  ...(['app_team', 'app_user'] as const).map((view): Suspicion => ({
    level: 'error',
    about: `evenfall.${view}.id`,
    sql: `exists (select from evenfall.${view} group by id having count(*) > 1)`,
    message:
      'some are listed more than once: what speaks for one of the rows, such as its customer, would not be seen in the other',
    fix: `-- which: select id, count(*) from evenfall.${view} group by id having count(*) > 1;
--   a join that finds several rows has to choose one: \`left join lateral (select … order by … limit 1)\``,
  })),
  {
    about: 'evenfall.app_user.email',
    sql: `${manyUsers} and not exists (select from evenfall.app_user where ${isAddress})`,
    message: 'no user at all has an e-mail address: nobody could be told of anything',
    fix: 'map the column that holds the address in evenfall.app_user',
  },
  {
    about: 'evenfall.app_user.email',
    sql: `exists (select from evenfall.app_user where email like '%@%' and not ${isAddress})`,
    message: 'some users have something else than one bare address: nobody is written to about their teams',
    fix: `-- which: select id from evenfall.app_user where email like '%@%' and not ${isAddress};
--   write one address in evenfall.app_user.email, without a name and without a list`,
  },
  {
    about: 'evenfall.app_user.is_active',
    sql: `${manyUsers} and not exists (select from evenfall.app_user where is_active)`,
    message: 'no user at all is active: nobody would be written to, and no account be deactivated',
    fix: 'look whether the condition of is_active in evenfall.app_user is the wrong way round',
  },
  ...(['app_team', 'app_user'] as const).map((view): Suspicion => ({
    about: `evenfall.${view}.stripe_customer_id`,
    sql: `exists (select from evenfall.${view} where stripe_customer_id is not null and not ${isCustomer})`,
    message:
      'some are no ids of customers in Stripe (cus_…): Stripe cannot be asked about them, and jobs that must ask die',
    fix: `map the column that holds Stripe's own id, and write nullif(your_column, '') where it may be empty`,
  })),
  {
    about: 'evenfall.app_team.time_zone',
    // Postgres reads its list from many files: not for an app that has no zones
    sql: `exists (select from evenfall.app_team where time_zone is not null)
      and exists (select from evenfall.app_team where lower(time_zone::text) not in (select lower(name) from pg_timezone_names))`,
    message: 'some are no time zones of the IANA (Europe/Berlin): mails show UTC instead, and say so',
    fix: 'translate them in evenfall.app_team, or write `null::text as time_zone`',
  },
  {
    about: 'evenfall.app_user.email_verified_at',
    sql: `${manyUsers} and not exists (select from evenfall.app_user where email_verified_at is not null)`,
    message: 'no user at all has verified the e-mail: each would count as unverified, and be deleted as such',
    fix: 'map the column that your app sets; if it verifies nobody, write `created_at as email_verified_at`',
  },
  {
    about: 'evenfall.app_user.last_seen_at',
    sql: `${manyUsers} and not exists (select from evenfall.app_user where last_seen_at is not null)`,
    message: 'no user at all was ever seen: each would count as one who never logged in',
    fix: 'map the column that your app sets; if there is none, write `created_at as last_seen_at`',
  },
  {
    about: 'evenfall.app_team.owner_id',
    sql: `exists (select from evenfall.app_team) and not exists (select from evenfall.app_team where owner_id is not null)`,
    message: 'no team at all has an owner: nobody could be told of its deletion',
    fix: 'map the owner of a team in evenfall.app_team',
  },
  {
    about: 'evenfall.app_team.owner_id',
    sql: `exists (select from evenfall.app_team t where t.owner_id is not null
      and not exists (select from evenfall.app_user u where u.id = t.owner_id))`,
    message: 'some teams have an owner that no user is: nobody could be told of their deletion',
    fix: `-- which: select t.id, t.owner_id from evenfall.app_team t where t.owner_id is not null
--   and not exists (select from evenfall.app_user u where u.id = t.owner_id);`,
  },
];

const statementTimedOut = '57014';

/** Data that look as if the contract mapped the wrong columns: warnings, and errors where rows contradict each other. */
export async function dataDiagnoses(client: pg.Client): Promise<Diagnosis[]> {
  const found: Diagnosis[] = [];
  for (const { level = 'warning', about, sql, message, fix } of suspicions) {
    const holds = await asked(client, sql);
    if (holds === undefined) {
      found.push({ level: 'warning', about, message: 'could not be looked through within 10 seconds' });
    }
    if (holds) found.push({ level, about, message, fix });
  }
  return found;
}

async function asked(client: pg.Client, condition: string): Promise<boolean | undefined> {
  await client.query(`begin read only; set local statement_timeout = '10s'`);
  try {
    const { rows } = await client.query<{ holds: boolean }>(`select ${condition} as holds`);
    return rows[0]?.holds ?? false;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === statementTimedOut) return undefined;
    throw error;
  } finally {
    await client.query('rollback');
  }
}
