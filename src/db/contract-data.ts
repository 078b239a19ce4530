import type pg from 'pg';
import type { Diagnosis } from './contract.ts';

interface Suspicion {
  readonly about: string;
  /** A condition over the views. */
  readonly sql: string;
  readonly message: string;
  readonly fix: string;
}

const manyUsers = '(select count(*) from (select from evenfall.app_user limit 21) u) > 20';

/** What a contract may say that is possible, and hardly ever meant. */
const suspicions: readonly Suspicion[] = [
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

/** Warnings about data that look as if the contract mapped the wrong columns. */
export async function dataDiagnoses(client: pg.Client): Promise<Diagnosis[]> {
  const found: Diagnosis[] = [];
  for (const { about, sql, message, fix } of suspicions) {
    const holds = await asked(client, sql);
    if (holds === undefined) {
      found.push({ level: 'warning', about, message: 'could not be looked through within 10 seconds' });
    }
    if (holds) found.push({ level: 'warning', about, message, fix });
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
