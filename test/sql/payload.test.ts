import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { allJobs } from '../../jobs/index.ts';
import { defineJob } from '../../src/core/job.ts';
import type { AnyJob } from '../../src/core/job.ts';
import { done } from '../../src/core/outcome.ts';
import {
  choice,
  count,
  duration,
  kindName,
  payload,
  payloadProblem,
  stripeId,
  teamId,
  userId,
} from '../../src/core/payload.ts';
import { createTestDatabase } from '../support/database.ts';

/** Every builder of src/core/payload.ts, each as a field that must be there and as one that may. */
const everyBuilder = defineJob({
  name: 'every-builder',
  summary: 'Takes whatever a payload can hold.',
  queue: 'lifecycle',
  payload: payload(
    {
      teamId: teamId(),
      otherTeamId: teamId().optional(),
      userId: userId(),
      otherUserId: userId().optional(),
      priceId: stripeId('price'),
      customerId: stripeId('cus').optional(),
      subscriptionId: stripeId('sub').optional(),
      kind: kindName(),
      otherKind: kindName().optional(),
      offset: duration(),
      otherOffset: duration().optional(),
      word: choice(['one', 'two', 'two words', 'é']),
      otherWord: choice(['only']).optional(),
      tries: count(),
      atLeast: count(3).optional(),
    },
    { exactlyOneOf: ['customerId', 'subscriptionId'] },
  ),
  key: ['teamId'],
  team: 'teamId',
  retry: { attempts: 1, firstDelayMs: 1, maxDelayMs: 1, giveUpAfter: 'PT1H', crashBudget: 1 },
  timeoutMs: 1000,
  run: () => Promise.resolve(done()),
});

const { sql } = await createTestDatabase([everyBuilder]);

beforeEach(async () => {
  await sql`truncate evenfall.job`;
});

interface FieldRule {
  type: 'string' | 'integer';
  enum?: string[];
  pattern?: string;
  minimum?: number;
  maxLength?: number;
}
interface FlatSchema {
  properties: Record<string, FieldRule>;
  required?: string[];
  oneOf?: { required: [string] }[];
}

/** What SQL says of each value, in their order. */
async function verdictsOfSql(job: AnyJob, values: readonly unknown[]): Promise<(string | null)[]> {
  const rows = await sql<{ problem: string | null }[]>`
    select evenfall.payload_problem(${JSON.stringify(job.payload.json)}::text::jsonb, value) as problem
    from jsonb_array_elements(${JSON.stringify(values)}::text::jsonb) with ordinality as t (value, n) order by n`;
  return rows.map((row) => row.problem);
}

/** Every field that zod finds wrong: where several are, each door may name another of them first. */
function wrongFields(job: AnyJob, value: unknown): string[] {
  const issues = job.payload.schema.safeParse(value).error?.issues ?? [];
  return issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys' ? issue.keys : [issue.path.map(String).join('.') || 'payload'],
  );
}

const names = (problem: string, fields: readonly string[]) =>
  fields.some((field) => problem.startsWith(`${field || 'payload'}: `) || problem.startsWith(`${field}: `));

function validField(rule: FieldRule): fc.Arbitrary<unknown> {
  if (rule.enum) return fc.constantFrom(...rule.enum);
  if (rule.type === 'integer') return fc.integer({ min: rule.minimum ?? 0, max: Number.MAX_SAFE_INTEGER });
  // any printable: digits alone would be rare, and they are what ids are
  if (rule.pattern === '^[!-~]+$') return fc.oneof(fc.nat().map(String), matching(rule, 255));
  return matching(rule, rule.maxLength ?? 255);
}

function matching(rule: FieldRule, maxLength: number): fc.Arbitrary<string> {
  // looking ahead is more than fast-check can do: what the rest of the pattern makes is tried against the whole
  const pattern = (rule.pattern ?? '').replaceAll(/\(\?=[^)]*\)/g, '');
  return fc
    .stringMatching(new RegExp(pattern), { maxLength })
    .filter((made) => new RegExp(rule.pattern ?? '').test(made));
}

function validPayload({
  properties,
  required = [],
  oneOf = [],
}: FlatSchema): fc.Arbitrary<Record<string, unknown>> {
  const choices = oneOf.map((one) => one.required[0]);
  const fields = Object.fromEntries(
    Object.entries(properties).map(([name, rule]) => [name, validField(rule)]),
  );
  return fc
    .record({
      all: fc.record(fields),
      chosen: choices.length === 0 ? fc.constant(undefined) : fc.constantFrom(...choices),
      kept: fc.record(Object.fromEntries(Object.keys(fields).map((name) => [name, fc.boolean()]))),
    })
    .map(({ all, chosen, kept }) =>
      Object.fromEntries(
        Object.entries(all).filter(([name]) =>
          choices.includes(name) ? name === chosen : required.includes(name) || kept[name],
        ),
      ),
    );
}

/** Any JSON that a jsonb can hold: NUL and halves of a surrogate pair have their own test below. */
const storable = <T>(value: T): T =>
  JSON.parse(JSON.stringify(value), (_key, inner: unknown) =>
    typeof inner === 'string' ? inner.replaceAll('\0', '').toWellFormed() : inner,
  ) as T;
const storableKey = (key: string) => key.replaceAll('\0', '').toWellFormed();
const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), fc.string());
const json: fc.Arbitrary<unknown> = fc
  .letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom(null, true, false, 0, -1, 1.5, 2 ** 53 - 1, 2 ** 53, 1e300, -0, '', '7', 'now', [], {}),
      text,
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.maxSafeInteger(),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(text.map(storableKey), tie('value'), { maxKeys: 3 }),
    ),
  }))
  .value.map(storable);

/** Almost the same: what a careless caller, or one with a plan, would send in its place. */
function almost(value: unknown): unknown[] {
  const written = String(value);
  return [
    `${written}\n`,
    `\n${written}`,
    ` ${written}`,
    `${written} `,
    `${written}\u0085`,
    `${written}\u2028x`,
    `${written}/..`,
    written.toUpperCase(),
    written.slice(1),
    written.slice(0, -1),
    written.slice(0, 4),
    written.padEnd(255, '1'),
    written.padEnd(256, '1'),
    written.padEnd(255, '𝟙'),
    written.replace(/[a-z]/, 'ä'),
    written.replace(/[0-9]/, '٣'),
    written.normalize('NFD'),
    Number(written) || 0,
    Number(value) - 1,
    Number(value) + 0.5,
    -Number(value),
    [value],
    { value },
    null,
    true,
    [],
    {},
    '',
  ].map((other) => (typeof other === 'number' && !Number.isFinite(other) ? 0 : other));
}

type Fields = Record<string, unknown>;

/** One change to a valid payload. */
function mutated(schema: FlatSchema): fc.Arbitrary<unknown> {
  const known = Object.keys(schema.properties);
  // a kind that takes nothing is given something
  const field = fc.constantFrom(...(known.length > 0 ? known : ['nothing']));
  const unknownName = fc.oneof(
    text.map(storableKey),
    field.map((name) => name.toUpperCase()),
    field.map((name) => `${name} `),
    fc.constantFrom('', '__proto__', 'constructor', 'toString', 'hasOwnProperty', 'a:b', 'length', '0'),
  );
  const change = fc.oneof(
    field.map(
      (name) =>
        (given: Fields): unknown =>
          Object.fromEntries(Object.entries(given).filter(([other]) => other !== name)),
    ),
    fc.tuple(unknownName, json).map(
      ([name, value]) =>
        (given: Fields): unknown =>
          withOwn(given, name, value),
    ),
    fc.tuple(field, json).map(([name, value]) => (given: Fields): unknown => ({ ...given, [name]: value })),
    fc.tuple(field, fc.nat()).map(([name, at]) => (given: Fields): unknown => {
      const others = almost(given[name] ?? '7');
      return { ...given, [name]: storable(others[at % others.length]) };
    }),
    fc.tuple(field, field).map(([one, other]) => (given: Fields): unknown => ({
      ...given,
      [one]: given[other],
    })),
    fc.constant((given: Fields): unknown => [given]),
    fc.constant((given: Fields): unknown => JSON.stringify(given)),
  );
  return fc.tuple(validPayload(schema), change).map(([given, apply]) => apply(given));
}

/** An own field of any name: `__proto__` in a literal would set the prototype, JSON.parse makes a field. */
function withOwn(given: Fields, name: string, value: unknown): Fields {
  return Object.fromEntries([...Object.entries(given), [name, value]]);
}

describe('[P1] what one door takes the other takes: zod and SQL agree', () => {
  const batch = 50;
  const runs = 12;

  test.each([...allJobs, everyBuilder].map((job) => [job.name, job] as const))('%s', async (_name, job) => {
    const schema = job.payload.json as unknown as FlatSchema;
    const anyPayload = fc.oneof(
      { weight: 3, arbitrary: validPayload(schema) },
      { weight: 8, arbitrary: mutated(schema) },
      { weight: 1, arbitrary: json },
    );
    let taken = 0;
    let refused = 0;
    // fast-check prints the seed and the smallest payload of a disagreement
    await fc.assert(
      fc.asyncProperty(fc.array(anyPayload, { minLength: batch, maxLength: batch }), async (made) => {
        // as they arrive: through JSON, where undefined and -0 do not exist
        const values = made.map((value) => JSON.parse(JSON.stringify(value)) as unknown);
        const sqlSays = await verdictsOfSql(job, values);
        for (const [n, value] of values.entries()) {
          const shown = JSON.stringify(value);
          const zodSays = payloadProblem(job.payload, value) ?? null;
          const inSql = sqlSays[n] ?? null;
          expect([shown, inSql === null], `SQL: ${inSql}, zod: ${zodSays}`).toEqual([
            shown,
            zodSays === null,
          ]);
          if (zodSays === null || inSql === null) {
            taken += 1;
            continue;
          }
          refused += 1;
          const wrong = wrongFields(job, value);
          expect([shown, names(zodSays, wrong)], `zod says ${zodSays}, of ${wrong}`).toEqual([shown, true]);
          expect([shown, names(inSql, wrong)], `SQL says ${inSql}, zod finds ${wrong}`).toEqual([
            shown,
            true,
          ]);
        }
      }),
      { numRuns: runs },
    );
    // neither verdict may be so rare that agreeing says nothing
    expect(taken).toBeGreaterThan(batch);
    expect(refused).toBeGreaterThan(batch);
  });
});

describe('what jsonb cannot hold', () => {
  const escapes = [
    ['NUL', '\\u0000', '22P05'],
    ['half a surrogate pair', '\\ud800', '22P02'],
    ['the other half', '\\udc00x', '22P02'],
  ] as const;

  test.each(escapes)(
    '%s: SQL refuses the text before it is a payload, zod the payload; nothing is enqueued',
    async (_what, escape, code) => {
      for (const given of [
        `{"teamId": "7${escape}", "when": "now"}`,
        `{"teamId": "7", "when": "now${escape}"}`,
        `{"teamId": "7", "when": "now", "x${escape}": 1}`,
      ]) {
        await expect(
          sql`select evenfall.enqueue('cancel-subscription', ${given}::text::jsonb)`,
        ).rejects.toMatchObject({ code });
        const [cancelSubscription] = allJobs;
        expect(payloadProblem(cancelSubscription!.payload, JSON.parse(given))).toMatch(
          /^(teamId|when|x.x?): /u,
        );
      }
      expect(await sql`select from evenfall.job`).toHaveLength(0);
    },
  );

  test('no builder takes such a text: what zod takes can be stored', () => {
    for (const field of ['teamId', 'userId', 'priceId', 'word'] as const) {
      for (const bad of ['\0', '7\0', 'price_1\0', 'one\0', '\ud800', 'price_1\udc00']) {
        const given = {
          teamId: '7',
          userId: '7',
          priceId: 'price_1',
          customerId: 'cus_1',
          word: 'one',
          kind: 'a-kind',
          offset: 'P3D',
          tries: 0,
        };
        expect(payloadProblem(everyBuilder.payload, given)).toBeUndefined();
        expect(payloadProblem(everyBuilder.payload, { ...given, [field]: bad })).toContain(`${field}: `);
      }
    }
  });
});

describe('the Node door', () => {
  const [cancelSubscription] = allJobs;
  const problem = (value: unknown) => payloadProblem(cancelSubscription!.payload, value);

  test('a field that is undefined is a field that is not given: JSON drops it', () => {
    expect(problem({ teamId: undefined, customerId: 'cus_7', when: 'now' })).toBeUndefined();
    expect(problem({ teamId: undefined, when: 'now' })).toMatch(/^teamId: give exactly one of/);
  });

  test('numbers that JavaScript rounds are refused by SQL, which does not', async () => {
    for (const tries of ['9007199254740992', '9007199254740993', '1e400', '0.1e-400', '-1e-400', '1.5']) {
      const [row] = await sql<{ problem: string | null }[]>`
        select evenfall.payload_problem(${JSON.stringify(payload({ tries: count() }).json)}::text::jsonb,
          ${`{"tries": ${tries}}`}::text::jsonb) as problem`;
      expect([tries, row!.problem]).toEqual([tries, expect.stringMatching(/^tries: /)]);
    }
  });
});
