import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { createTestDatabase } from '../support/database.ts';

const { url, sql } = await createTestDatabase();
const kind = 'cancel-subscription';
const payload = '{"teamId": "7", "when": "now"}';

// roles belong to the whole server: named at random, and dropped with all that was granted to them
const made: string[] = [];
const open: postgres.Sql[] = [];
afterAll(async () => {
  for (const session of open) await session.end({ timeout: 1 });
  for (const role of made) await sql.unsafe(`drop owned by ${role} cascade`);
  for (const role of made) await sql.unsafe(`drop role ${role}`);
});

beforeEach(async () => {
  await sql`truncate evenfall.job`;
  await sql`delete from evenfall.job_kind_grant`;
});

async function makeRole(options = ''): Promise<string> {
  const role = `evenfall_role_${randomBytes(4).toString('hex')}`;
  await sql.unsafe(`create role ${role} ${options}`);
  made.push(role);
  return role;
}

/** A role that can log in, with what an app is given to enqueue and nothing else, and a session of it. */
async function makeCaller(rights: 'both doors' | 'schema' = 'both doors') {
  const role = await makeRole(`login password 'caller'`);
  await sql.unsafe(`grant usage on schema evenfall to ${role}`);
  if (rights === 'both doors') await grantDoors(role);
  const callerUrl = new URL(url);
  callerUrl.username = role;
  callerUrl.password = 'caller';
  const session = postgres(callerUrl.href, { max: 1, onnotice: () => {} });
  open.push(session);
  return { role, session };
}

async function grantDoors(role: string): Promise<void> {
  await sql.unsafe(`
    grant execute on function evenfall.enqueue(text, jsonb, text, timestamptz, text, int) to ${role};
    grant execute on function evenfall.cancel(text, text) to ${role}`);
}

const enqueue = (on: postgres.Sql, what: { kind?: string; payload?: string } = {}) =>
  on<{ id: string }[]>`
    select evenfall.enqueue(${what.kind ?? kind}, ${what.payload ?? payload}::text::jsonb) as id`;
const cancel = (on: postgres.Sql, what = kind) =>
  on<{ cancelled: boolean }[]>`select evenfall.cancel(${what}, 'teamId=7') as cancelled`;
const refused = { code: '42501' };

async function jobs() {
  return await sql`select kind, state, payload, source, team_id, due from evenfall.job order by id`;
}

describe('a role that may execute enqueue and cancel', () => {
  test('calls both, and reads back what it was told', async () => {
    const { session } = await makeCaller();
    const [first] = await enqueue(session);
    expect(await enqueue(session)).toEqual([first]);
    expect(await jobs()).toMatchObject([{ kind, state: 'queued', payload: { teamId: '7', when: 'now' } }]);
    expect(await cancel(session)).toEqual([{ cancelled: true }]);
    expect(await cancel(session)).toEqual([{ cancelled: false }]);
    await expect(enqueue(session, { payload: '{"teamId": "7x", "when": "now"}' })).rejects.toMatchObject({
      code: 'EF422',
      column_name: 'teamId',
    });
    await expect(enqueue(session, { kind: 'no-such-kind' })).rejects.toMatchObject({ code: 'EF404' });
  });

  test('touches nothing else: no table, no view, no sequence of the schema', async () => {
    const { session } = await makeCaller();
    const relations = await sql<{ name: string; kind: string }[]>`
      select oid::regclass::text as name, relkind::text as kind from pg_class
      where relnamespace = 'evenfall'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f', 'S') order by 1`;
    expect(relations.map((relation) => relation.name)).toEqual(
      expect.arrayContaining([
        'evenfall.job',
        'evenfall.job_kind',
        'evenfall.app_team',
        'evenfall.dispatch_no',
      ]),
    );
    for (const relation of relations) {
      const statements =
        relation.kind === 'S'
          ? [`select nextval('${relation.name}')`, `select last_value from ${relation.name}`]
          : [
              `select from ${relation.name}`,
              `insert into ${relation.name} default values`,
              `delete from ${relation.name}`,
              `truncate ${relation.name}`,
              `create table copied (like ${relation.name})`,
            ];
      for (const statement of statements) {
        const outcome = await session.unsafe(statement).then(
          () => 'allowed',
          (error: postgres.PostgresError) => error.code,
        );
        // 42809: a view cannot be truncated by anybody; 55000: nor can a union be written to
        const isWrite = /^(insert|delete|truncate)/.test(statement);
        expect([statement, outcome]).toEqual([
          statement,
          isWrite && relation.kind === 'v' ? expect.stringMatching(/42501|42809|55000/) : '42501',
        ]);
      }
    }
    const columns = await sql<{ name: string; column: string }[]>`
      select attrelid::regclass::text as name, quote_ident(attname) as column from pg_attribute a
      join pg_class c on c.oid = attrelid
      where c.relnamespace = 'evenfall'::regnamespace and relkind in ('r', 'v') and attnum > 0 and not attisdropped`;
    for (const { name, column } of columns) {
      await expect(
        session.unsafe(`update ${name} set ${column} = default`),
        `${name}.${column}`,
      ).rejects.toSatisfy(
        // 428C9, 55000: a column or a view that nobody can update
        (error: postgres.PostgresError) => ['42501', '428C9', '55000'].includes(error.code),
      );
    }
    await expect(session.unsafe(`create table evenfall.mine (x int)`)).rejects.toMatchObject(refused);
    await expect(
      session.unsafe(`create function evenfall.mine() returns int return 1`),
    ).rejects.toMatchObject(refused);
  });

  test('executes no other function that could change anything, those of the contract included', async () => {
    const { session } = await makeCaller();
    for (const name of [
      'app_lock_team',
      'app_lock_user',
      'app_deactivate_user',
      'app_delete_team',
      'app_delete_user',
    ]) {
      await expect(session.unsafe(`select evenfall.${name}('7')`), name).rejects.toMatchObject({
        ...refused,
        message: expect.stringContaining(`function ${name}`),
      });
    }
  });

  test('what everybody may execute in the schema changes nothing', async () => {
    // volatile is how Postgres calls a function that may write; PUBLIC is everybody
    const open = await sql`
      select p.oid::regprocedure::text as name from pg_proc p,
        aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
      where p.pronamespace = 'evenfall'::regnamespace and a.grantee = 0 and p.provolatile = 'v'`;
    expect(open).toEqual([]);
    const definers = await sql`
      select p.proname as name from pg_proc p
      where p.pronamespace = 'evenfall'::regnamespace and p.prosecdef
        and not coalesce(p.proconfig, '{}') @> '{"search_path=pg_catalog, pg_temp"}'`;
    expect(definers, 'SECURITY DEFINER without a pinned search_path').toEqual([]);
  });
});

test('without EXECUTE both doors are closed', async () => {
  const { role, session } = await makeCaller('schema');
  await expect(enqueue(session)).rejects.toMatchObject(refused);
  await expect(cancel(session)).rejects.toMatchObject(refused);
  await grantDoors(role);
  await enqueue(session);
  expect(await cancel(session)).toEqual([{ cancelled: true }]);
});

test('a grant outlives the next migrate: the doors are replaced, not dropped', async () => {
  const { role } = await makeCaller();
  const before =
    await sql`select has_function_privilege(${role}, 'evenfall.cancel(text, text)', 'execute') as may`;
  const { migrate } = await import('../../src/db/migrate.ts');
  const { allJobs } = await import('../../jobs/index.ts');
  await migrate({ databaseUrl: url, kinds: allJobs, log: () => {} });
  const after =
    await sql`select has_function_privilege(${role}, 'evenfall.cancel(text, text)', 'execute') as may`;
  expect([before, after]).toEqual([[{ may: true }], [{ may: true }]]);
});

describe('a caller with a search_path of its own', () => {
  /** A schema of the caller's, first in its search_path, full of what the doors use. */
  async function makeTrap() {
    const { role, session } = await makeCaller();
    await sql.unsafe(`create schema trap_${role} authorization ${role}`);
    const trap = `trap_${role}`;
    const sprung = `language plpgsql as $$ begin raise exception 'sprung as %', current_user; end $$`;
    await session.unsafe(`
      create function ${trap}.now() returns timestamptz ${sprung};
      create function ${trap}.clock_timestamp() returns timestamptz ${sprung};
      create function ${trap}.current_setting(text) returns text ${sprung};
      create function ${trap}.current_setting(text, boolean) returns text ${sprung};
      create function ${trap}.pg_has_role(name, oid, text) returns boolean ${sprung};
      create function ${trap}.pg_has_role(name, name, text) returns boolean ${sprung};
      create function ${trap}.pg_notify(text, text) returns void ${sprung};
      create function ${trap}.jsonb_typeof(jsonb) returns text ${sprung};
      create function ${trap}.jsonb_each(jsonb, out key text, out value jsonb) returns setof record ${sprung};
      create function ${trap}.jsonb_object_keys(jsonb) returns setof text ${sprung};
      create function ${trap}.jsonb_array_elements_text(jsonb) returns setof text ${sprung};
      create function ${trap}.jsonb_build_object(text, text) returns jsonb ${sprung};
      create function ${trap}.char_length(text) returns int ${sprung};
      create function ${trap}.format(text, text) returns text ${sprung};
      create function ${trap}.quote_literal(text) returns text ${sprung};
      create function ${trap}.split_part(text, text, int) returns text ${sprung};
      create function ${trap}.equal(text, text) returns boolean ${sprung};
      create function ${trap}.equal(jsonb, jsonb) returns boolean ${sprung};
      create function ${trap}.has(jsonb, text) returns boolean ${sprung};
      create function ${trap}.field(jsonb, text) returns text ${sprung};
      create function ${trap}.joined(text, text) returns text ${sprung};
      create function ${trap}.past(timestamptz, timestamptz) returns boolean ${sprung};
      create function ${trap}.later(timestamptz, interval) returns timestamptz ${sprung};
      create operator ${trap}.= (leftarg = text, rightarg = text, function = ${trap}.equal);
      create operator ${trap}.<> (leftarg = text, rightarg = text, function = ${trap}.equal);
      create operator ${trap}.= (leftarg = jsonb, rightarg = jsonb, function = ${trap}.equal);
      create operator ${trap}.? (leftarg = jsonb, rightarg = text, function = ${trap}.has);
      create operator ${trap}.->> (leftarg = jsonb, rightarg = text, function = ${trap}.field);
      create operator ${trap}.|| (leftarg = text, rightarg = text, function = ${trap}.joined);
      create operator ${trap}.<= (leftarg = timestamptz, rightarg = timestamptz, function = ${trap}.past);
      create operator ${trap}.+ (leftarg = timestamptz, rightarg = interval, function = ${trap}.later);
      create function ${trap}.require_grant(text) returns void ${sprung};
      create function ${trap}.payload_problem(jsonb, jsonb) returns text ${sprung};
      create table ${trap}.job_kind (kind text, queue text, payload_schema jsonb);
      create table ${trap}.job_kind_grant (kind text, role regrole);
      create table ${trap}.job (id bigint, kind text, key text, state text);
      create domain ${trap}.app_team_id as text;
      create temp table job_kind (kind text, queue text, payload_schema jsonb);
      create temp table job_kind_grant (kind text, role regrole);
      create temp table job (id bigint, kind text, key text, state text);
      create temp table pg_type (oid oid, typbasetype oid);
      create domain pg_temp.app_team_id as text;
      create domain pg_temp.jsonb as text;
      insert into pg_temp.job_kind values ('of-my-own', 'stripe', '{}');
      set search_path = ${trap}, pg_temp, pg_catalog, evenfall`);
    return { role, session, trap };
  }

  test('the trap would spring: it catches a function that pins nothing', async () => {
    const { session } = await makeTrap();
    await expect(session`select now()`).rejects.toThrow('sprung');
    await expect(session`select 'a'::text = 'a'::text`).rejects.toThrow('sprung');
    expect(
      await session`select queue from job_kind where kind operator(pg_catalog.=) 'of-my-own'`,
    ).toHaveLength(0);
    expect(await session`select queue from pg_temp.job_kind`).toEqual([{ queue: 'stripe' }]);
  });

  test('influences nothing: the doors see their own tables, functions, operators and clock', async () => {
    const { role, session } = await makeTrap();
    // literals, for operators in the test's own statements would meet the trap too
    const asked = `evenfall.enqueue('cancel-subscription', '${payload}')`;
    await session.unsafe(`select ${asked}`);
    await session.unsafe(`select ${asked}`);
    expect(await jobs()).toMatchObject([{ kind, state: 'queued', due: true, teamId: '7', source: 'sql' }]);
    const stronger = `evenfall.enqueue('cancel-subscription', '{"teamId": "8", "when": "at_period_end"}')`;
    await session.unsafe(`select ${stronger}`);
    await session.unsafe(`select ${stronger.replace('at_period_end', 'now')}`);
    await expect(session.unsafe(`select evenfall.enqueue('of-my-own')`)).rejects.toMatchObject({
      code: 'EF404',
    });
    await expect(session.unsafe(`select ${stronger.replace('"8"', '"x"')}`)).rejects.toMatchObject({
      code: 'EF422',
    });
    expect((await session.unsafe(`select evenfall.cancel('${kind}', 'teamId=7') as done`))[0]).toEqual({
      done: true,
    });

    const other = await makeRole();
    await sql.unsafe(`insert into evenfall.job_kind_grant values ('${kind}', '${other}')`);
    await session.unsafe(`insert into pg_temp.job_kind_grant values ('${kind}', '${role}')`);
    await expect(session.unsafe(`select ${asked}`)).rejects.toMatchObject(refused);
    await expect(session.unsafe(`select evenfall.cancel('${kind}', 'teamId=8')`)).rejects.toMatchObject(
      refused,
    );
    await sql.unsafe(`grant ${other} to ${role}`);
    await session.unsafe(`select ${asked}`);
    expect(await session.unsafe(`select id from pg_temp.job`)).toEqual([]);
  });
});

describe('a kind that is granted to certain roles', () => {
  const grantKind = async (role: string) => {
    await sql.unsafe(`insert into evenfall.job_kind_grant (kind, role) values ('${kind}', '${role}')`);
  };

  test('[P3] is theirs alone, to enqueue and to cancel; the owner always may; other kinds stay open', async () => {
    const billing = await makeCaller();
    const other = await makeCaller();
    await grantKind(billing.role);

    await expect(enqueue(other.session)).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining(`${other.role} may not enqueue or cancel ${kind}`),
    });
    await enqueue(billing.session);
    await expect(cancel(other.session)).rejects.toMatchObject(refused);
    expect(await jobs()).toMatchObject([{ state: 'queued' }]);
    expect(await cancel(billing.session)).toEqual([{ cancelled: true }]);

    await enqueue(other.session, { kind: 'alert-dead-letter', payload: '{"deadLetterId": 1}' });
    const [owner] = await sql`select evenfall.enqueue(${kind}, ${payload}::text::jsonb) as id`;
    expect(owner!['id']).toBeGreaterThan(0);
    expect(await cancel(sql)).toEqual([{ cancelled: true }]);
  });

  test('refused before anything is said of the payload or of the job', async () => {
    const { session } = await makeCaller();
    await grantKind(await makeRole());
    await expect(enqueue(session, { payload: '{}' })).rejects.toMatchObject(refused);
    await expect(cancel(session)).rejects.toMatchObject(refused);
  });

  test('members count, directly, through another role, and without inheriting', async () => {
    const granted = await makeRole();
    const between = await makeRole();
    await sql.unsafe(`grant ${granted} to ${between}`);
    await grantKind(granted);
    const far = await makeCaller();
    await expect(enqueue(far.session)).rejects.toMatchObject(refused);
    await sql.unsafe(`grant ${between} to ${far.role}`);
    await enqueue(far.session);
    const aloof = await makeCaller();
    await sql.unsafe(`alter role ${aloof.role} noinherit; grant ${granted} to ${aloof.role}`);
    await enqueue(aloof.session);
  });

  test('of several grants one is enough', async () => {
    const one = await makeCaller();
    const other = await makeCaller();
    await grantKind(one.role);
    await grantKind(other.role);
    expect(await enqueue(one.session)).toEqual(await enqueue(other.session));
  });

  test('SET ROLE counts, in both directions, and SET LOCAL ROLE for its transaction', async () => {
    const { role, session } = await makeCaller();
    const granted = await makeRole();
    const plain = await makeRole();
    await sql.unsafe(`grant usage on schema evenfall to ${granted}, ${plain}`);
    await grantDoors(granted);
    await grantDoors(plain);
    await sql.unsafe(`grant ${granted}, ${plain} to ${role}`);
    await grantKind(granted);

    await enqueue(session);
    await session.unsafe(`set role ${plain}`);
    await expect(enqueue(session)).rejects.toMatchObject(refused);
    await expect(cancel(session)).rejects.toMatchObject(refused);
    await session.unsafe(`set role ${granted}`);
    await enqueue(session);
    await session.unsafe(`reset role`);
    await enqueue(session);
    await expect(
      session.begin(async (tx) => {
        await tx.unsafe(`set local role ${plain}`);
        await tx`select evenfall.enqueue(${kind}, ${payload}::text::jsonb)`;
      }),
    ).rejects.toMatchObject(refused);
    await enqueue(session);
  });

  test('a role with the right to all of the owner’s may, as the owner may', async () => {
    const { role, session } = await makeCaller();
    await grantKind(await makeRole());
    await expect(enqueue(session)).rejects.toMatchObject(refused);
    const [row] = await sql<{ owner: string }[]>`
      select proowner::regrole::text as owner from pg_proc where oid = 'evenfall.cancel(text, text)'::regprocedure`;
    await sql.unsafe(`grant ${row!.owner} to ${role}`);
    await enqueue(session);
  });

  test('a granted role that is dropped leaves the kind closed, not open', async () => {
    const { session } = await makeCaller();
    const gone = `evenfall_gone_${randomBytes(4).toString('hex')}`;
    await sql.unsafe(`create role ${gone}`);
    await grantKind(gone);
    await sql.unsafe(`drop role ${gone}`);
    await expect(enqueue(session)).rejects.toMatchObject(refused);
    await enqueue(sql);
  });
});
