import { randomInt } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { found, redisAsText, tablesAsText } from '../../chaos/traces.ts';
import type { Place } from '../../chaos/traces.ts';
import { testHash } from '../support/machine.ts';
import { build } from '../support/processes.ts';
import type { Built } from '../support/processes.ts';
import { ownRedis } from '../support/worker.ts';
import { openStage, operators } from './stage.ts';
import { eraseEverybody, playStory, untouchedKinds } from './story.ts';

/*
 * Nothing personal is anywhere but in the app's own tables and in the mails that people got. Plays everything that
 * happens, with people whose names and addresses cannot be mistaken, then reads all that was kept or said; erases
 * everybody, and looks for what stands for their addresses. EVENFALL_PROOF=long has more workers die on the way.
 */

const isLong = process.env['EVENFALL_PROOF'] === 'long';
const seed = randomInt(1_000_000);
const stage = await openStage(seed);
const { cast, sql } = stage;
const hashes = () => cast.people.flatMap(({ email, billing }) => [testHash(email), testHash(billing)]);

let built: Built;
let places: Readonly<Record<string, Place[]>>;
beforeAll(async () => {
  process.stderr.write(`the proof's people are those of seed ${seed}\n`);
  built = await build();
  await playStory(stage, built, isLong);
  places = await stage.places();
}, 400_000);
afterAll(() => built?.remove());

describe('[P7] names and addresses, when everything has happened', () => {
  test.for(['tables', 'redis', 'logs', 'posted alerts', 'mailed alerts', 'pages and metrics'])(
    'are in no %s',
    (kind) => {
      expect(found(places[kind]!, [cast.root])).toEqual([]);
      if (kind !== 'redis' || inject('redisUrl') !== undefined)
        expect(places[kind]!.length).toBeGreaterThan(1);
    },
  );

  test('every kind had something to do, and people were told of each way to fail', async () => {
    expect(await untouchedKinds(stage)).toEqual([]);
    const letters = await sql`select distinct class from evenfall.dead_letter order by class`;
    expect(letters.map((row) => row['class'])).toEqual([
      'contract_refused',
      'mail_refused',
      'stripe_refused',
      'unknown_effect',
    ]);
    const findings = await sql`select distinct kind from evenfall.finding order by kind`;
    expect(findings.map((row) => row['kind'])).toEqual(['nobody-to-notify', 'stripe-veto']);
    expect(await sql`select from evenfall.history where what = 'team.kept'`).toHaveLength(2);
    const [crashed] = await sql`select count(*)::int as jobs from evenfall.job where crashes > 0`;
    expect(crashed!['jobs']).toBeGreaterThanOrEqual(3);
  });

  test("are where they belong: in the app's tables, and in each one's own mails", async () => {
    expect(found(await tablesAsText(sql, ['public']), [cast.root]).length).toBeGreaterThan(
      cast.people.length,
    );
    const mails = stage.mailsTo((to) => to !== operators);
    expect(mails.length).toBeGreaterThan(8);
    for (const { where, text } of mails) {
      const person = cast.people.find(({ email, billing }) => [email, billing].includes(where));
      expect(person, where).toBeDefined();
      const others = cast.people.filter((other) => other !== person).map(({ mark }) => mark);
      expect(found([{ where, text }], others)).toEqual([]);
    }
  });
});

describe('erased', () => {
  let kept: Place[];
  beforeAll(async () => {
    kept = Object.values(places).flat();
    await eraseEverybody(stage);
  }, 200_000);

  test('before, what stands for an address was in both ledgers of mails and in the mirror, and nowhere else', () => {
    const where = found(kept, hashes()).map((place) => place.split(':')[0]);
    expect([...new Set(where)].toSorted()).toEqual([
      'evenfall.customer',
      'evenfall.effect',
      'evenfall.notice',
    ]);
  });

  test('nobody is left: no address, no name, nothing that stands for one, though Stripe was read anew', async () => {
    const left = Object.values(await stage.places()).flat();
    expect(found(left, [cast.root, ...hashes()])).toEqual([]);
  });

  test('and the ledger says of each that it was done', async () => {
    const rows = await sql`select subject, done_at, stripe from evenfall.erasure`;
    expect(rows.every((row) => row['doneAt'] !== null)).toBe(true);
    const subjects = new Set(rows.map((row) => row['subject']));
    for (const { userId } of cast.people) expect(subjects).toContain(`user:${userId}`);
    const fates = rows.map((row) => String(row['stripe']).replaceAll(/cus_\w+ /g, ''));
    expect([...new Set(fates)].toSorted()).toEqual(
      expect.arrayContaining(['deleted', 'kept: live subscription', 'no customer']),
    );
  });
});

describe('the search finds what is there', () => {
  const needle = 'unmistakable';
  test.for([
    ['text', `insert into public.planted (t) values ('an ${needle} name')`],
    ['another case', `insert into public.planted (t) values ('UnMistakable')`],
    ['json', `insert into public.planted (j) values ('{"a": ["${needle}"]}')`],
    ['bytea', `insert into public.planted (b) values ('${needle}'::bytea)`],
    ['an array', `insert into public.planted (a) values ('{x,${needle}}')`],
    ['hexadecimal', `insert into public.planted (t) values (encode('${needle}', 'hex'))`],
    ['Base64', `insert into public.planted (t) values (encode('ab ${needle} cd', 'base64'))`],
  ])('in a table: %s', async ([, statement]) => {
    await sql`create table public.planted (t text, j jsonb, b bytea, a text[])`;
    await sql.unsafe(statement!);
    expect(found(await tablesAsText(sql, ['public']), [needle])).toHaveLength(1);
    await sql`drop table public.planted`;
    expect(found(await tablesAsText(sql, ['public']), [needle])).toEqual([]);
  });

  test.skipIf(inject('redisUrl') === undefined)('in Redis: keys and values of every type', async () => {
    const url = await ownRedis(inject('redisUrl')!, 14);
    const redis = new Redis(url);
    await redis.set(`k ${needle}`, 'v');
    await redis.set('string', needle);
    await redis.hset('hash', 'field', needle);
    await redis.hset('hash of fields', needle, 'v');
    await redis.rpush('list', 'x', needle);
    await redis.sadd('set', needle);
    await redis.zadd('zset', 1, needle);
    await redis.xadd('stream', '*', 'field', needle);
    const where = found(await redisAsText(url), [needle]).map((place) => place.split(':')[0]);
    await redis.flushdb();
    await redis.quit();
    expect(where.toSorted()).toEqual(
      ['hash', 'hash of fields', `k ${needle}`, 'list', 'set', 'stream', 'string', 'zset'].map(
        (key) => `redis ${key}`,
      ),
    );
  });
});
