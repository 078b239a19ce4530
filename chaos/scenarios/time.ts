import type { Queue } from 'bullmq';
import { allJobs } from '../../jobs/index.ts';
import { createLog } from '../../src/log.ts';
import { redisBackend } from '../../src/queue/backend.ts';
import { occurrences, scheduledJobs } from '../../src/queue/schedules.ts';
import { errandOf } from '../errand-of-kind.ts';
import type { Scenario } from '../scenario.ts';
import type { World } from '../world.ts';

const fiveMinutesMs = 300_000;

export const skewedClocks: Scenario = {
  name: 'skewed-clocks',
  summary: "one worker's clock is five minutes fast, another's five minutes slow, and one of them dies",
  async play(world) {
    world.slowStripe(150);
    const fast = world.startWorker({ skewMs: fiveMinutesMs });
    world.startWorker({ skewMs: -fiveMinutesMs });
    const limited = world.cancellation();
    world.lane.stripe.faults.add({
      kind: 'rate-limit',
      retryAfter: 3,
      times: 2,
      match: { subscription: limited.cancels![0]!, method: 'DELETE' },
    });
    await world.ask([{ ...limited, mayFail: true }, ...(await world.mixed(40))]);
    await world.until('work has begun', () => world.cancelledSoFar() > 3);
    await world.kill(fast);
    world.startWorker({ skewMs: world.random.pick([fiveMinutesMs, -fiveMinutesMs]) });
  },
};

export const missedTicks: Scenario = {
  name: 'missed-ticks',
  summary: 'everything was down over several occurrences of every schedule, then three workers start at once',
  withoutControl:
    'it has no ledger of occurrences to look into (see the measurements in its documentation of schedulers)',
  async play(world) {
    world.keep(1);
    await world.until('every schedule is declared', async () => {
      const declared = await world.sql`select from evenfall.schedule`;
      return declared.length === scheduledJobs(allJobs).length;
    });
    await Promise.all(world.alive.map((worker) => world.kill(worker)));
    const hours = world.random.int(26, 47);
    await world.sql`update evenfall.schedule set since = clock_timestamp() - ${hours} * interval '1 hour'`;
    await world.sql`truncate evenfall.schedule_run`;
    world.keep(3);
    await world.until('every occurrence is accounted for', async () => (await unaccounted(world)) === 0);
    await world.sleep(1_500);
    const [twice] = await world.sql`
      select count(*)::int as n from (
        select schedule from evenfall.schedule_run where outcome <> 'skipped' group by schedule having count(*) > 1) more`;
    if (twice!['n'] !== 0) world.faults.push('an occurrence that is made up for once was made up for twice');
    await world.ask(await world.mixed(4));
    await overdueTick(world);
  },
};

const slotMs = 600_000;

/**
 * BullMQ's own tick of a schedule comes due while nobody works. Whoever starts next is busy with an older job, and
 * sets up the schedulers before the tick can run: it must not throw it away.
 */
async function overdueTick(world: World): Promise<void> {
  await world.sql`update evenfall.job_kind set paused_at = null, paused_why = null where kind = 'sweep'`;
  await world.until('all is done', async () => {
    const [waiting] = await world.sql`select from evenfall.job where kind = 'sweep' and finished_at is null`;
    return !waiting && (await world.system.isIdle(world.sql, world.addresses));
  });
  await Promise.all(world.alive.map((worker) => world.kill(worker)));
  const backend = redisBackend(world.addresses.redisUrl, createLog('silent', 'chaos'));
  const queue = backend.openQueue('schedules');
  try {
    await queue.obliterate({ force: true });
    await queue.pause();
    const now = Date.now();
    const slot = Math.ceil((now + slotMs) / slotMs) * slotMs;
    // for these workers it is soon a full ten minutes
    const skewMs = slot - 15_000 - now;
    const tick = () => queue.getJob(`repeat:trial-ending-email:${slot}`);
    await world.ask([await errandOf['sweep']!(world)]);
    const first = world.startWorker({ skewMs });
    await world.until('the next tick and a job wait in BullMQ', async () => {
      return (await tick()) !== undefined && (await queue.getWaitingCount()) === 1;
    });
    await world.kill(first);
    await world.sleep(Math.max(0, slot + 1_000 - (Date.now() + skewMs)));
    await queue.resume();
    await whileBusy(world, () => setUpAnew(world, queue, skewMs));
    const delivered = async () => (await (await tick())?.getState()) === 'completed';
    const thrownAway = async () => (await tick()) === undefined;
    await world.until('the tick is delivered', async () => (await delivered()) || (await thrownAway()));
    if (await thrownAway()) world.faults.push("an overdue tick of BullMQ's was thrown away");
  } finally {
    await queue.close();
    await backend.close();
  }
}

/** The sweep waits for a table that somebody has locked. */
async function whileBusy(world: World, work: () => Promise<void>): Promise<void> {
  await world.sql.begin(async (tx) => {
    await tx`lock table evenfall.card in access exclusive mode`;
    await work();
  });
}

/** A worker starts; the schedulers that were taken away beforehand tell when it has set up all of them. */
async function setUpAnew(world: World, queue: Queue, skewMs: number): Promise<void> {
  const others = scheduledJobs(allJobs).filter(({ name }) => name !== 'trial-ending-email');
  await Promise.all(others.map(({ name }) => queue.removeJobScheduler(name)));
  world.startWorker({ skewMs, concurrency: 1 });
  await world.until('the schedulers are set up', async () => {
    return (await queue.getJobSchedulersCount()) > others.length;
  });
}

async function unaccounted(world: World): Promise<number> {
  const schedules =
    await world.sql`select name, pattern, since, clock_timestamp() as now from evenfall.schedule`;
  const runs = await world.sql`select schedule, due_at from evenfall.schedule_run`;
  const known = new Set(runs.map((run) => `${run['schedule']} ${(run['due_at'] as Date).toISOString()}`));
  return schedules.reduce((missing, schedule) => {
    const due = occurrences(
      schedule['pattern'] as string,
      schedule['since'] as Date,
      schedule['now'] as Date,
    );
    return missing + due.filter((at) => !known.has(`${schedule['name']} ${at.toISOString()}`)).length;
  }, 0);
}
