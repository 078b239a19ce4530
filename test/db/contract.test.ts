import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { allJobs } from '../../jobs/index.ts';
import { Misconfigured } from '../../src/core/errors.ts';
import { checkContract } from '../../src/db/contract-check.ts';
import { migrate } from '../../src/db/migrate.ts';
import { packageRoot } from '../../src/package-root.ts';
import { appRows } from '../support/app.ts';
import { createTestDatabase } from '../support/database.ts';

const { url, sql } = await createTestDatabase();
const app = appRows(sql);
const contract = readFileSync(join(packageRoot, 'sql', 'contract.sql'), 'utf8');
const dropViews = 'drop view if exists evenfall.app_team, evenfall.app_user, evenfall.app_membership;\n';
const folder = await mkdtemp(join(tmpdir(), 'evenfall-contract-'));
afterAll(() => rm(folder, { recursive: true }));

beforeEach(async () => {
  await sql.unsafe(`${dropViews}${contract}`);
  await app.clear();
});

/** The contract with a deliberate mistake. */
function changed(...mistakes: [string, string][]): string {
  return mistakes.reduce((text, [right, wrong]) => {
    if (!text.includes(right)) throw new Error(`the contract has no ${right}`);
    return text.replace(right, () => wrong);
  }, contract);
}

async function found(level: 'error' | 'warning', about = '') {
  const all = await checkContract(url, 'evenfall migrate');
  return all.filter((one) => one.level === level && one.about.includes(about));
}

async function withRows() {
  const owner = await app.user();
  return { owner, team: await app.team(owner) };
}

/** What `migrate` says to a contract, on a database that has none. */
async function migrating(text: string): Promise<string> {
  const contractFile = join(folder, 'contract.sql');
  await writeFile(contractFile, `${dropViews}${text}`);
  const failure = await migrate({ databaseUrl: url, kinds: allJobs, contractFile, log: () => {} }).catch(
    (error: unknown) => error,
  );
  if (failure === undefined) return 'migrated';
  expect(failure).toBeInstanceOf(Misconfigured);
  return (failure as Misconfigured).message;
}

test('the contract as it ships: no error, and it says what was tried', async () => {
  await withRows();
  expect(await found('error')).toEqual([]);
  expect(
    (await checkContract(url, 'evenfall migrate'))
      .filter(({ level }) => level === 'ok')
      .map(({ about }) => about),
  ).toEqual(['evenfall.app_*', 'evenfall.app_lock_team', 'evenfall.app_lock_user']);
});

describe('columns', () => {
  test('one that is missing: the line to add, which mends it', async () => {
    const without = changed([', t.time_zone', '']);
    expect(await migrating(without)).toMatch(
      /app_team lacks the column time_zone \(text\):\n\s+add `null::text as time_zone`/,
    );
    await sql.unsafe(`${dropViews}${without}`);
    const [problem, ...more] = await found('error');
    expect(more).toEqual([]);
    expect(problem).toMatchObject({ about: 'evenfall.app_team.time_zone' });
    const [line = ''] = /null::text as time_zone/.exec(problem!.fix!) ?? [];
    await sql.unsafe(
      changed([', t.time_zone, t.trial_ends_at', `, t.trial_ends_at, ${line}`]).replace(/^/, dropViews),
    );
    expect(await found('error')).toEqual([]);
  });

  test('one that is misnamed: the name that Evenfall does not know is told', async () => {
    const misnamed = changed(['u.email,', 'u.email as address,'], ['u.locale', 'u.locale as language']);
    expect(await migrating(misnamed)).toContain(
      'app_user lacks the column email (text); it has address, language, unknown to Evenfall',
    );
  });

  test('several mistakes at once: all are named, by doctor and by migrate', async () => {
    const without = changed(
      [', t.time_zone', ''],
      ['u.email, ', ''],
      ['u.created_at, ', ''],
      ['u.is_active', 'u.is_active::int'],
    );
    const wanted = [
      'app_team lacks the column time_zone',
      'app_user lacks the column email',
      'app_user lacks the column created_at',
      'app_user.is_active is integer',
    ];
    const refused = await migrating(without);
    for (const each of wanted) expect(refused).toContain(each);
    await sql.unsafe(`${dropViews}${without.replace('u.is_active::int,', 'u.is_active::int as is_active,')}`);
    const messages = (await found('error')).map(({ message }) => message).join('\n');
    for (const each of wanted) expect(messages).toContain(each);
  });

  test('a contract that migrate refuses leaves the one before it in place', async () => {
    await withRows();
    expect(await migrating(changed([', t.time_zone', '']))).toContain('time_zone');
    expect(await sql`select time_zone from evenfall.app_team`).toHaveLength(1);
    expect(await migrating(contract)).toBe('migrated');
  });

  test('[P3] what stands for an absent column spares people: they count as verified and seen', async () => {
    await sql.unsafe(`${dropViews}${changed(['u.email_verified_at, ', ''], ['u.last_seen_at, ', ''])}`);
    expect((await found('error')).map(({ fix }) => fix)).toEqual([
      expect.stringContaining('`created_at as email_verified_at`'),
      expect.stringContaining('`created_at as last_seen_at`'),
    ]);
  });

  test('[P3] a timestamp without time zone: the line that makes it an instant', async () => {
    await sql.unsafe(`${dropViews} alter table public.teams alter created_at type timestamp; ${contract}`);
    expect(await migrating(contract)).toContain('app_team.created_at is timestamp without time zone');
    const [problem] = await found('error');
    const [line = ''] = /created_at at time zone 'UTC' as created_at/.exec(problem!.fix!) ?? [];
    await sql.unsafe(`${dropViews}${changed(['t.created_at', line])}`);
    expect(await found('error')).toEqual([]);
    await sql.unsafe(`${dropViews} alter table public.teams alter created_at type timestamptz`);
  });

  test('ids that cannot be compared with what they refer to', async () => {
    const wrong = changed(
      ['m.team_id', 'm.team_id::text as team_id'],
      ['t.owner_id', `gen_random_uuid() as owner_id`],
    );
    const refused = await migrating(wrong);
    expect(refused).toContain(
      'app_membership.team_id is text, and has to be comparable with evenfall.app_team.id, which is bigint',
    );
    expect(refused).toContain('app_team.owner_id is uuid');
    await sql.unsafe(`${dropViews}${changed(['m.team_id', 'm.team_id::int as team_id'])}`);
    expect(await found('error')).toEqual([]);
  });

  test('a view that is missing', async () => {
    await sql.unsafe('drop view evenfall.app_membership');
    expect(await found('error')).toEqual([
      expect.objectContaining({ message: expect.stringContaining('lacks the view evenfall.app_membership') }),
    ]);
  });

  test('an id of another type than the doors know: migrate', async () => {
    await sql.unsafe(`${dropViews}${changed(['select t.id,', 'select t.id::int as id,'])}`);
    expect(await found('error')).toEqual([
      expect.objectContaining({
        about: 'evenfall.app_team_id',
        message: expect.stringContaining('integer'),
        fix: 'run `evenfall migrate`',
      }),
    ]);
  });
});

describe('functions', () => {
  test('one that is missing: its SQL, which mends it; migrate refuses it too', async () => {
    const without = changed([
      'function evenfall.app_delete_user',
      'function evenfall.app_remove_user',
    ]).replaceAll('app_delete_user.id', 'app_remove_user.id');
    await sql`drop function evenfall.app_delete_user`;
    expect(await migrating(without)).toContain('lacks evenfall.app_delete_user(text)');
    const [problem] = await found('error');
    expect(problem).toMatchObject({ about: 'evenfall.app_delete_user' });
    await sql.unsafe(problem!.fix!);
    expect(await found('error')).toEqual([]);
  });

  test('one that takes something else', async () => {
    await sql.unsafe(`drop function evenfall.app_lock_team;
      create function evenfall.app_lock_team(id bigint) returns void language sql as ''`);
    expect(await found('error')).toEqual([
      expect.objectContaining({ message: expect.stringContaining('there is one that takes (id bigint)') }),
    ]);
    await sql`drop function evenfall.app_lock_team`;
  });
});

describe('[P3] a parameter that has a column’s name', () => {
  const deletion = (body: string) =>
    `create or replace function evenfall.app_delete_team(id text) returns void language sql as $$ ${body} $$;`;

  test.each([
    'delete from public.teams t where t.id = id::bigint',
    'delete from public.teams where id = id::bigint;',
    'delete from public.teams t where id::bigint = t.id',
    `delete from public.teams t where t.name <> 'a' and t.id=id :: bigint`,
  ])('would delete every team, and is an error: %s', async (body) => {
    await sql.unsafe(deletion(body));
    const message = 'evenfall.app_delete_team compares the column id with itself';
    expect((await found('error')).map((one) => one.message)).toEqual([expect.stringContaining(message)]);
    expect(await migrating(`${contract}${deletion(body)}`)).toContain(message);
  });

  test.each([
    'delete from public.teams t where t.id = $1::bigint',
    'delete from public.teams t where t.id = app_delete_team.id::bigint',
    'delete from public.teams t where app_delete_team.id::bigint = t.id',
    'delete from public.memberships m where m.team_id = id::bigint',
    'delete from public.memberships where id::bigint = team_id',
  ])('is the parameter: %s', async (body) => {
    await sql.unsafe(deletion(body));
    expect(await found('error')).toEqual([]);
  });
});

describe('[P3] locks', () => {
  const asView = (view: string) => `
    create or replace view public.team_with_owner as ${view};
    create or replace function evenfall.app_lock_team(id text) returns void language sql as $$
      select from public.team_with_owner t where t.id = app_lock_team.id::bigint for update
    $$`;
  const body = (text: string) =>
    `create or replace function evenfall.app_lock_team(id text) returns void language plpgsql as $$ begin ${text} end $$`;

  test.each<[string, string, RegExp]>([
    [
      'a view over an outer join',
      asView('select t.id, u.email from public.teams t left join public.users u on u.id = t.owner_id'),
      /cannot be applied to the nullable side of an outer join/,
    ],
    ['nothing at all', body(''), /locks no row of any table/],
    [
      'a row that it only reads',
      body('perform from public.teams t where t.id = app_lock_team.id::bigint;'),
      /locks no row/,
    ],
    [
      'a share of the row',
      body('perform from public.teams t where t.id = app_lock_team.id::bigint for share;'),
      /keeps a second one off/,
    ],
    ['a number, which the app knows nothing of', body('perform pg_advisory_xact_lock(7);'), /locks no row/],
    [
      'a row of which it has none',
      body(`perform from public.teams t where t.id = -1 for update;`),
      /keeps a second one off/,
    ],
    ['a table that is not there', body('perform from public.no_such_table for update;'), /no_such_table/],
  ])(
    'the team’s takes %s: an error, and the SQL that is printed mends it',
    async (_what, mistake, message) => {
      const { team } = await withRows();
      await sql.unsafe(mistake);
      const [problem, ...more] = await found('error');
      expect(more).toEqual([]);
      expect(problem!.about).toBe('evenfall.app_lock_team');
      expect(problem!.message).toMatch(message);
      await sql.unsafe(problem!.fix!);
      expect(await found('error')).toEqual([]);
      // rolled back: nobody has to wait for what was tried
      await sql`select from public.teams where id = ${team} for update nowait`;
    },
  );

  test('the team’s locks its owner instead: an error, and the SQL that is printed mends it', async () => {
    const { team, owner } = await withRows();
    await sql.unsafe(
      body(`perform from public.users u
        where u.id = (select t.owner_id from public.teams t where t.id = app_lock_team.id::bigint) for update;`),
    );
    const [problem, ...more] = await found('error');
    expect(more).toEqual([]);
    expect(problem!.message).toMatch(/^locks something, and not the team's own row of public\.teams\./);
    await sql.unsafe(problem!.fix!);
    expect(await found('error')).toEqual([]);
    // rolled back: nobody has to wait for what was tried
    await sql`select from public.teams where id = ${team} for update nowait`;
    await sql`select from public.users where id = ${owner} for update nowait`;
  });

  test('the user’s locks nothing: the same', async () => {
    await withRows();
    await sql.unsafe(
      `create or replace function evenfall.app_lock_user(id text) returns void language sql as ''`,
    );
    const [problem] = await found('error');
    expect(problem!.about).toBe('evenfall.app_lock_user');
    await sql.unsafe(problem!.fix!);
    expect(await found('error')).toEqual([]);
  });

  test('one that locks every team: a warning', async () => {
    await withRows();
    await app.team(await app.user());
    await sql.unsafe(body('perform from public.teams t for update;'));
    expect(await found('warning', 'app_lock_team')).toEqual([
      expect.objectContaining({ message: expect.stringContaining('locks more than the team') }),
    ]);
  });

  test('the SQL names the app’s own table, column and type, and keeps the parameter’s name', async () => {
    await sql.unsafe(`create table public."Work Spaces" ("Key" varchar(12) primary key, name text)`);
    await sql`insert into public."Work Spaces" values ('acme', 'Acme')`;
    await sql.unsafe(
      `${dropViews}${changed(
        [
          'select t.id, t.name, t.owner_id, t.created_at, t.stripe_customer_id, t.time_zone, t.trial_ends_at\nfrom public.teams t',
          `
        select w."Key" as id, w.name, null::bigint as owner_id, now() as created_at, null::text as stripe_customer_id,
          null::text as time_zone, null::timestamptz as trial_ends_at from public."Work Spaces" w`,
        ],
        ['select m.team_id', 'select m.team_id::text as team_id'],
        [
          'function evenfall.app_lock_team(id text) returns void language sql as $$\n  select from public.teams t where t.id = app_lock_team.id::bigint for update',
          'function evenfall.app_lock_team(id text) returns void language sql as $$',
        ],
      )}`,
    );
    const [problem] = await found('error', 'app_lock_team');
    expect(problem!.fix).toContain(
      'from public."Work Spaces" t where t."Key" = $1::character varying(12) for update',
    );
    await sql.unsafe(problem!.fix!);
    expect(await found('error', 'app_lock_team')).toEqual([]);
  });

  test('without a row, or with one that somebody holds: a warning that it was not tried', async () => {
    expect((await found('warning', 'app_lock')).map(({ message }) => message)).toEqual([
      'could not be tried: there is no team yet',
      'could not be tried: there is no user yet',
    ]);
    const { team } = await withRows();
    await sql.begin(async (tx) => {
      await tx`select from public.teams where id = ${team} for update`;
      expect(await found('warning', 'app_lock')).toEqual([
        expect.objectContaining({ message: `could not be tried: somebody holds team ${team} just now` }),
      ]);
    });
    expect(await found('warning', 'app_lock')).toEqual([]);
  });
});

describe('indexes', () => {
  const missing = async () =>
    (await found('warning'))
      .filter(({ fix }) => fix?.startsWith('create index'))
      .map(({ about }) => about.slice(9));

  test('each that is missing is named, and its SQL mends it', async () => {
    await sql.unsafe('drop index public.users_customer, public.teams_owner, public.teams_customer');
    const before = await found('warning');
    expect(await missing()).toEqual([
      'app_team.owner_id',
      'app_team.stripe_customer_id',
      'app_user.stripe_customer_id',
    ]);
    for (const { fix } of before) if (fix?.startsWith('create index')) await sql.unsafe(fix);
    expect(await missing()).toEqual([]);
  });

  test('one that has the column in the second place serves no search by it', async () => {
    await sql`drop index public.memberships_user`;
    const [problem] = await found('warning', 'app_membership.user_id');
    expect(problem!.fix).toBe('create index concurrently on public.memberships (user_id);');
    await sql.unsafe(problem!.fix!);
    expect(await missing()).not.toContain('app_membership.user_id');
  });

  test('a view over other names, a join and a computed id: the SQL is about the app’s own tables', async () => {
    await sql.unsafe(`
      create table public.seats ("memberId" bigint, workspace int, role text, gone_at timestamptz);
      ${dropViews}${changed([
        'select m.team_id, m.user_id, m.role\nfrom public.memberships m',
        `
        select s.workspace::bigint as team_id, s."memberId" as user_id, s.role from public.seats s where s.gone_at is null`,
      ])}`);
    const wanted = await found('warning', 'app_membership');
    expect(wanted.map(({ fix }) => fix)).toEqual([
      'create index concurrently on public.seats (((workspace)::bigint));',
      'create index concurrently on public.seats ("memberId");',
    ]);
    for (const { fix } of wanted) await sql.unsafe(fix!);
    expect(await found('warning', 'app_membership')).toEqual([]);
  });

  test('one over the rows that count, as the view has them, serves; one over others does not', async () => {
    await sql.unsafe(`
      create table public.places ("memberId" bigint, workspace bigint, role text, gone_at timestamptz);
      create index on public.places ("memberId") where gone_at is null;
      create index on public.places (workspace) where role = 'admin';
      ${dropViews}${changed([
        'select m.team_id, m.user_id, m.role\nfrom public.memberships m',
        `
        select p.workspace as team_id, p."memberId" as user_id, p.role from public.places p where p.gone_at is null`,
      ])}`);
    expect((await found('warning', 'app_membership')).map(({ about }) => about)).toEqual([
      'evenfall.app_membership.team_id',
    ]);
  });

  test('one that begins with what the view compares with a constant serves the column behind it', async () => {
    await sql.unsafe(`
      create table public.payers (kind text, processor text, team bigint, code text);
      create index on public.payers (kind, processor, code);
      create index on public.payers (processor, team);
      ${dropViews}${changed(
        ['t.stripe_customer_id', 'p.code as stripe_customer_id'],
        [
          'from public.teams t;',
          `from public.teams t
          left join public.payers p on p.kind = 'Team' and p.processor = 'stripe' and p.team = t.id;`,
        ],
      )}`);
    expect(await found('warning', 'app_team.stripe_customer_id')).toEqual([]);
    expect(await found('warning', 'app_team.id')).toEqual([]);
    // found by the same id as the team, and no row of its own
    const { team } = await withRows();
    await sql`insert into public.payers values ('Team', 'stripe', ${team}, 'cus_1')`;
    expect(await found('error')).toEqual([]);
    await sql`drop index public.payers_kind_processor_code_idx`;
    await sql`create index on public.payers (kind, team, code)`;
    expect((await found('warning', 'app_team.stripe_customer_id')).map(({ fix }) => fix)).toEqual([
      'create index concurrently on public.payers (code);',
    ]);
    await sql.unsafe(`${dropViews} drop table public.payers`);
  });

  test('an id that the view casts: the cast has to go, no index is needed', async () => {
    await sql.unsafe(
      `${dropViews}${changed(['select t.id,', 'select t.id::text as id,'], ['m.team_id', 'm.team_id::text as team_id'])}`,
    );
    expect(await found('warning', 'app_team.id')).toEqual([
      {
        level: 'warning',
        about: 'evenfall.app_team.id',
        message:
          'each search by app_team.id reads the whole of public.teams: the view casts id, and an index on id bears no cast',
        fix: expect.stringMatching(/^write id without the cast in evenfall\.app_team/) as string,
      },
    ]);
  });

  test('a column that nothing stands behind needs none; one that is computed over groups can have none', async () => {
    await sql.unsafe(
      `${dropViews}${changed(
        ['t.stripe_customer_id', 'null::text as stripe_customer_id'],
        [
          'select m.team_id, m.user_id, m.role\nfrom public.memberships m',
          'select m.team_id, max(m.user_id) as user_id, max(m.role) as role from public.memberships m group by m.team_id',
        ],
      )}`,
    );
    expect(await found('warning', 'app_team.stripe_customer_id')).toEqual([]);
    expect(await found('warning', 'app_membership')).toEqual([
      expect.objectContaining({ message: expect.stringContaining('no index can serve') }),
    ]);
  });
});

describe('[P3] what a deletion leaves behind', () => {
  const behind = async () =>
    (await found('warning', 'app_delete')).map(({ about, message }) => [about.slice(9), message]);
  const tables = (text: string) =>
    sql.unsafe(`drop schema if exists other cascade; create schema other; ${text}`);
  afterAll(() => sql`drop schema if exists other cascade`);

  test('rows that refer to the team, or to what Postgres deletes with it: each is named, and its SQL mends it', async () => {
    await tables(`
      create table other.projects (id int primary key, team_id bigint references public.teams on delete cascade);
      create table other.tasks (project_id int references other.projects);
      create table other.invoices (team bigint constraint invoice_team references public.teams);
      create table other.notes (team_id bigint references public.teams on delete set null)`);
    expect(await behind()).toEqual([
      [
        'app_delete_team',
        expect.stringMatching(/^other\.invoices refers to public\.teams \(invoice_team\), and/),
      ],
      [
        'app_delete_team',
        expect.stringMatching(/^other\.tasks refers to other\.projects \(tasks_project_id_fkey\)/),
      ],
    ]);
    const [invoices, tasks] = await found('warning', 'app_delete_team');
    expect(invoices!.fix).toMatch(
      /^delete from other\.invoices x where x\.team = \$1::bigint;\n-- .*`evenfall migrate`$/,
    );
    expect(tasks!.fix).toMatch(
      /^delete from other\.tasks x using other\.projects t where x\.project_id = t\.id and …;/,
    );
    const mended = changed([
      'delete from public.memberships m where m.team_id = app_delete_team.id::bigint;',
      `${invoices!.fix!.split('\n')[0]}
       delete from other.tasks x using other.projects t where x.project_id = t.id and t.team_id = $1::bigint;
       delete from public.memberships m where m.team_id = app_delete_team.id::bigint;`,
    ]);
    await sql.unsafe(`${dropViews}${mended}`);
    expect(await behind()).toEqual([]);
  });

  test('rows that refer to what the function itself deletes', async () => {
    await tables('create table other.devices (session_id text references public.sessions)');
    expect(await behind()).toEqual([
      ['app_delete_user', expect.stringContaining('other.devices refers to public.sessions')],
    ]);
  });

  test('memberships that no foreign key holds', async () => {
    await tables('create table other.seats (team_id bigint, user_id bigint, role text)');
    const seats = changed(['from public.memberships m;', 'from other.seats m;']);
    await sql.unsafe(`${dropViews}${seats}`);
    expect(await behind()).toEqual([
      [
        'app_delete_team',
        expect.stringContaining('app_delete_team leaves other.seats as it is: the memberships'),
      ],
      [
        'app_delete_user',
        expect.stringContaining('app_delete_user leaves other.seats as it is: the memberships'),
      ],
    ]);
    for (const { fix } of await found('warning', 'app_delete')) {
      expect(fix).toMatch(/^delete from other\.seats m where m\.(team|user)_id = \$1::bigint;/);
    }
    const marked = seats
      .replace(
        'delete from public.memberships m where m.team_id',
        'update other.seats m set role = null where m.team_id',
      )
      .replace(
        'delete from public.memberships m where m.user_id',
        'delete from other.seats m where m.user_id',
      );
    await sql.unsafe(`${dropViews}${marked}`);
    expect((await behind()).filter(([, message]) => message!.includes('seats'))).toEqual([]);
  });

  test('rows that are let go of are dealt with', async () => {
    await tables('create table other.reviews (author_id bigint references public.users)');
    expect(await behind()).toHaveLength(1);
    const released = changed([
      'delete from public.sessions s where s.user_id = app_delete_user.id::bigint;',
      `update other.reviews r set author_id = null where r.author_id = app_delete_user.id::bigint;
       delete from public.sessions s where s.user_id = app_delete_user.id::bigint;`,
    ]);
    await sql.unsafe(`${dropViews}${released}`);
    expect(await behind()).toEqual([]);
  });

  test('what a function that is called, or a trigger, names is dealt with', async () => {
    await tables(`
      create table other.invoices (team_id bigint references public.teams);
      create table other.posts (user_id bigint references public.users);
      create function other.purge_team(bigint) returns void language sql as 'delete from other.invoices where team_id = $1';
      create function other.purge_user() returns trigger language plpgsql as
        'begin delete from other.posts where user_id = old.id; return old; end';
      create trigger purge before delete on public.users for each row execute function other.purge_user()`);
    const calling = changed([
      'delete from public.memberships m where m.team_id = app_delete_team.id::bigint;',
      `select other.purge_team(app_delete_team.id::bigint);
       delete from public.memberships m where m.team_id = app_delete_team.id::bigint;`,
    ]);
    await sql.unsafe(`${dropViews}${calling}`);
    expect(await behind()).toEqual([]);
    await sql`drop trigger purge on public.users`;
    expect(await behind()).toEqual([['app_delete_user', expect.stringContaining('other.posts')]]);
  });
});

describe('data', () => {
  const users = (n: number) =>
    sql`insert into public.users (email) select 'person-' || n || '@people.example' from generate_series(1, ${n}::int) n`;

  test('[P3] of many users nobody is verified or was seen: a warning for each', async () => {
    await users(20);
    expect(await found('warning', 'verified')).toEqual([]);
    await sql`insert into public.users (email) values ('another@people.example')`;
    expect(await found('warning', 'email_verified_at')).toHaveLength(1);
    expect(await found('warning', 'last_seen_at')).toHaveLength(1);
    await sql`update public.users set email_verified_at = now(), last_seen_at = now() where id = (select min(id) from public.users)`;
    expect(await found('warning', 'email_verified_at')).toEqual([]);
    expect(await found('warning', 'last_seen_at')).toEqual([]);
  });

  test('[P3] no team has an owner; an owner that no user is', async () => {
    await app.team(null);
    expect((await found('warning', 'owner_id')).map(({ message }) => message)).toContainEqual(
      expect.stringContaining('no team at all has an owner'),
    );
    await sql.unsafe(`${dropViews}${changed(['t.owner_id', '4711::bigint as owner_id'])}`);
    expect((await found('warning', 'owner_id')).map(({ message }) => message)).toContainEqual(
      expect.stringContaining('an owner that no user is'),
    );
  });

  test('[P3] a team that is listed twice: an error, for what speaks for it is seen in one row alone', async () => {
    const { team } = await withRows();
    await sql`insert into public.memberships select ${team}, id, 'member' from public.users on conflict do nothing`;
    await app.member(team, await app.user());
    expect(await found('error')).toEqual([]);
    await sql.unsafe(
      `${dropViews}${changed(['from public.teams t;', 'from public.teams t left join public.memberships x on x.team_id = t.id;'])}`,
    );
    const [problem, ...more] = await found('error');
    expect(more).toEqual([]);
    expect(problem).toMatchObject({ about: 'evenfall.app_team.id' });
    const [, which = ''] = /^-- which: (.*;)$/m.exec(problem!.fix!) ?? [];
    expect(await sql.unsafe(which)).toEqual([{ id: Number(team), count: 2 }]);
  });

  test.for<[string, [string, string], string, RegExp]>([
    [
      'no address',
      ['u.email,', `''::text as email,`],
      'app_user.email',
      /^no user at all has an e-mail address/,
    ],
    [
      'nobody active',
      ['u.is_active', 'not u.is_active as is_active'],
      'app_user.is_active',
      /^no user at all is active/,
    ],
    [
      'an empty customer',
      ['u.stripe_customer_id', `'' as stripe_customer_id`],
      'app_user.stripe_customer_id',
      /cus_…/,
    ],
  ])('of many users: %s', async ([, mistake, about, message]) => {
    await users(21);
    const said = async () => (await found('warning', about)).filter((one) => message.test(one.message));
    await sql.unsafe(`${dropViews}${changed(mistake)}`);
    expect(await said()).toMatchObject([{ about: `evenfall.${about}` }]);
    await sql.unsafe(`${dropViews}${contract}`);
    expect(await said()).toEqual([]);
  });

  test('single values that are no address, no customer and no zone; what may be empty is no fault', async () => {
    const { owner } = await withRows();
    await app.team(owner, { time_zone: 'europe/berlin', stripe_customer_id: 'cus_1' });
    await sql`update public.users set email = ''`;
    for (const about of ['email', 'stripe_customer_id', 'time_zone']) {
      expect(await found('warning', about)).toEqual([]);
    }
    await sql`update public.users set email = 'Olive <olive@harbour.example>', stripe_customer_id = 'sub_1'`;
    await sql`update public.teams set stripe_customer_id = 'acct_1', time_zone = 'Eastern Time (US & Canada)'`;
    expect((await found('warning')).map(({ about }) => about.slice(9))).toEqual([
      'app_user.email',
      'app_team.stripe_customer_id',
      'app_user.stripe_customer_id',
      'app_team.time_zone',
    ]);
  });
});
