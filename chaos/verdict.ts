import type { Errand } from './errand.ts';
import { percentile, recoveries } from './recovery.ts';
import { found, redisAsText, tablesAsText } from './traces.ts';
import type { World } from './world.ts';

/** What a story came to: `lost`, `doubled` and `attempts` have to be 0. */
export interface Verdict {
  readonly jobs: number;
  /** Asked for, and not done. */
  readonly lost: number;
  /** Done twice, or though nobody had asked for it: a cancellation, a mail, a line of history. */
  readonly doubled: number;
  /** Mails of which nobody can know; each is told to people. */
  readonly unknown: number;
  /** Attempts used up though nothing but a crash, a deploy or an outage had happened. */
  readonly attempts: number;
  /** Seconds from the fault until what it had interrupted ran again. */
  readonly againSeconds: readonly number[];
  /** What was wrong, a line each, in ids. */
  readonly wrong: readonly string[];
}

/** Compares what was asked for with what Stripe, the mail server and the history say. */
export async function judge(world: World): Promise<Verdict> {
  const { system, sql, addresses, lane, errands } = world;
  const account = await system.account(sql, addresses);
  const wrong: string[] = [];
  let lost = 0;
  let doubled = 0;
  const lose = (line: string) => (lost++, wrong.push(`lost: ${line}`));
  const double = (line: string) => (doubled++, wrong.push(`doubled: ${line}`));

  const canceled = lane.stripe.effects();
  const mails = Map.groupBy(lane.inbox.messages, ({ envelope }) => envelope.to[0] ?? '');
  const unknown = new Set(account.unknown);
  let attempts = 0;
  for (const errand of errands) {
    const job = errand.jobId === undefined ? undefined : account.ended.get(errand.jobId);
    const label = `${errand.kind} ${errand.jobId ?? '(rolled back)'}`;
    const ends = errand.ends ?? 'done';
    if (errand.ghost && errand.jobId !== undefined && job) double(`${label} ran, though it was rolled back`);
    // a deletion notice that nobody can vouch for waits for a person, as its kind has declared
    const forPeople = job?.state === 'dead' && isUnknown(errand, unknown);
    if (!errand.ghost && !forPeople && !isAsWanted(job?.state, ends))
      lose(`${label} is ${job?.state ?? 'not there'}`);
    if (job && !errand.mayFail && !forPeople && ends === 'done') attempts += job.attempts;

    const wanted = errand.ghost || ends === 'dead' ? 0 : 1;
    for (const id of errand.cancels ?? []) {
      const times = canceled[id]?.canceled ?? 0;
      const lines = account.history.get(`subscription:${id}`) ?? 0;
      if (times < wanted || lines < wanted) lose(`${label}: ${id} cancelled ${times} times, ${lines} lines`);
      if (times > wanted || lines > wanted)
        double(`${label}: ${id} cancelled ${times} times, ${lines} lines`);
    }
    for (const address of errand.mails ?? []) {
      const times = mails.get(address)?.length ?? 0;
      if (times < wanted && !isUnknown(errand, unknown)) lose(`${label}: its mail never came`);
      if (times > wanted) double(`${label}: ${times} mails`);
    }
    for (const teamId of errand.deletes ?? []) {
      const lines = account.history.get(`team:${teamId}`) ?? 0;
      if (lines < wanted) lose(`${label}: team ${teamId} was not deleted`);
      if (lines > wanted) double(`${label}: team ${teamId} deleted ${lines} times`);
    }
  }
  for (const id of world.kept) {
    if ((canceled[id]?.canceled ?? 0) > 0) double(`${id} was cancelled, and nobody had asked for it`);
  }
  if (account.unknownTold < account.unknown.length) {
    lose(`${account.unknown.length} mails are unknown, people were told of ${account.unknownTold}`);
  }
  for (const fault of world.faults) lose(fault);
  if (!world.isControl) for (const leak of await leaks(world)) lose(`its secrecy: ${leak}`);
  const again = recoveries(await system.journal(sql), world.deaths, world.outages);
  return {
    jobs: errands.length,
    lost,
    doubled,
    unknown: account.unknown.length,
    attempts,
    againSeconds: again.map((ms) => ms / 1_000),
    wrong,
  };
}

/** Where an address of the story's people is, though it is to be nowhere but with the app and in the mails (P7). */
async function leaks(world: World): Promise<string[]> {
  const { sql, addresses } = world;
  const places = [
    ...(await tablesAsText(sql, ['evenfall'])),
    ...(await redisAsText(addresses.redisUrl)),
    ...world
      .logs()
      .split('\n')
      .map((text) => ({ where: 'log', text })),
  ];
  return found(places, ['@people.example', '@customers.example']);
}

/** Skipped is as good as done: what must have come of it is counted by itself, where it can be. */
function isAsWanted(state: string | undefined, wanted: 'done' | 'dead'): boolean {
  return state === wanted || (wanted === 'done' && state === 'skipped');
}

/** A promise was broken. */
export function isBroken({ lost, doubled, attempts }: Verdict): boolean {
  return lost + doubled + attempts > 0;
}

function isUnknown({ payload, cancels = [] }: Errand, unknown: ReadonlySet<string>): boolean {
  const subjects = [...Object.values(payload).map(String), ...cancels];
  return subjects.some((id) => [...unknown].some((subject) => subject.endsWith(`:${id}`)));
}

/** As the tables print it. */
export function summary(verdicts: readonly Verdict[]) {
  const sum = (of: (verdict: Verdict) => number) =>
    verdicts.reduce((total, verdict) => total + of(verdict), 0);
  const again = verdicts.flatMap((verdict) => verdict.againSeconds);
  return {
    jobs: sum((verdict) => verdict.jobs),
    lost: sum((verdict) => verdict.lost),
    doubled: sum((verdict) => verdict.doubled),
    unknown: sum((verdict) => verdict.unknown),
    attempts: sum((verdict) => verdict.attempts),
    interrupted: again.length,
    p95Seconds: percentile(again, 0.95),
    maxSeconds: percentile(again, 1),
  };
}
