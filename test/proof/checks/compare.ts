import type { World } from '../oracle/index.ts';
import type { Asks, Check, Verdicts } from './check.ts';

/** Where the SQL and the oracle first disagree: the question, and of whom they say what. */
interface Disagreement {
  readonly check: Check;
  readonly world: World;
  readonly found: readonly { readonly subject: string; readonly sql: string; readonly oracle: string }[];
}

/** Asks the SQL all that a check asks, and compares it with the oracle, up to the first asking where they disagree. */
export async function disagreement(
  check: Check,
  world: World,
  asks: Asks,
  byOracle: (asked: World) => Verdicts = check.byOracle,
): Promise<Disagreement | undefined> {
  for (const { now, policies } of check.askings) {
    const asked = { ...world, now, policies };
    const found = compare(await check.bySql(asks, asked), byOracle(asked));
    if (found.length > 0) return { check, world: asked, found };
  }
  return undefined;
}

function compare(bySql: Verdicts, byOracle: Verdicts): Disagreement['found'] {
  const subjects = new Set([...bySql.keys(), ...byOracle.keys()]);
  const not = 'not due';
  return [...subjects]
    .map((subject) => ({
      subject,
      sql: bySql.get(subject) ?? not,
      oracle: byOracle.get(subject) ?? not,
    }))
    .filter(({ sql, oracle }) => sql !== oracle);
}

/** How many disagree, with the smallest part of the world, of a few, that shows it. */
export function explain({ check, world, found }: Disagreement): string {
  const shown = found.slice(0, 20).map(({ subject, ...verdicts }) => {
    const id = subject.split(' ', 1)[0] ?? '';
    return JSON.stringify({ subject, ...verdicts, about: about(world, id) }, readable, 1);
  });
  const [smallest] = shown.toSorted((one, other) => one.length - other.length);
  const when = `${new Date(world.now).toISOString()}, ${JSON.stringify(world.policies)}`;
  return `${check.name} at ${when}: ${found.length} disagreements, such as ${smallest}`;
}

const readable = (name: string, value: unknown) =>
  typeof value === 'number' && value > 1e11 && name !== 'amount' ? new Date(value).toISOString() : value;

/** The rows that name a subject, and those that they name. */
function about(world: World, id: string): Partial<Record<keyof World, unknown[]>> {
  const direct = rowsNaming(world, new Set([id]));
  const links = ['id', 'ownerId', 'stripeCustomerId', 'customerId', 'defaultPaymentMethod'];
  const next = Object.values(direct)
    .flat()
    .flatMap((row) => links.map((link) => (row as unknown as Record<string, unknown>)[link]))
    .filter((value) => typeof value === 'string');
  return rowsNaming(world, new Set([id, ...next]));
}

function rowsNaming(world: World, ids: ReadonlySet<string>): Partial<Record<keyof World, object[]>> {
  const named = Object.entries(world).flatMap(([table, rows]) => {
    if (!Array.isArray(rows)) return [];
    const naming = (rows as object[]).filter((row) =>
      Object.values(row).some((value) => ids.has(value as string)),
    );
    return naming.length > 0 ? [[table, naming] as const] : [];
  });
  return Object.fromEntries(named);
}
