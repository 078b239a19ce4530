import { Redis } from 'ioredis';
import postgres from 'postgres';
import type { Scenario } from '../scenario.ts';
import type { World } from '../world.ts';

/** Half a minute's work, of which some is always under way. */
async function underLoad(world: World, count = 50): Promise<void> {
  world.slowStripe(120);
  world.keep(2, { concurrency: 2 });
  await world.ask(await world.mixed(count));
  await world.until('work has begun', () => world.cancelledSoFar() > 3);
}

export const dispatcherKills: Scenario = {
  name: 'dispatcher-kills',
  summary:
    'the process dies between claiming rows, adding them to BullMQ and committing; the app rolls back, or dies after a commit',
  short: true,
  async play(world) {
    const points = ['dispatch.claimed', 'dispatch.added', 'dispatch.committed'] as const;
    const asking = trickle(world, 120);
    world.keep(1);
    for (let kills = 0; kills < 8; kills++) {
      const nth = world.random.int(1, 4);
      const worker = world.startWorker({ failpoint: `${world.random.pick(points)}=kill@${nth}` });
      if (world.isControl) await world.sleep(world.random.int(800, 1_500));
      else await world.within(4_000, () => !world.alive.includes(worker));
      if (world.alive.includes(worker)) await world.kill(worker);
    }
    await asking;
  },
};

/** One request of the app after another; one in ten is rolled back, and one in twenty dies right after its commit. */
async function trickle(world: World, count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    const errand = world.cancellation();
    await world.ask([
      n % 10 === 9 ? { ...errand, ghost: true } : n % 20 === 4 ? { ...errand, appDies: true } : errand,
    ]);
    await world.sleep(world.random.int(20, 120));
  }
}

export const redisKills: Scenario = {
  name: 'redis-kills',
  summary: 'Redis is killed (kill -9) and started again on its append-only file, three times',
  async play(world) {
    await underLoad(world);
    for (let kills = 0; kills < 3; kills++) {
      await world.outage(['redis'], world.random.int(300, 2_500));
      await world.ask(await world.mixed(4));
      await world.sleep(world.random.int(500, 1_500));
    }
  },
};

export const flushall: Scenario = {
  name: 'flushall',
  summary: 'Redis forgets everything (FLUSHALL) with jobs running, waiting, delayed and being retried',
  short: true,
  async play(world) {
    // a rate limit is waited for: the job is delayed; a conflict is an attempt, and the job is retried
    const { faults } = world.lane.stripe;
    const [delayed, retried] = [world.cancellation(), world.cancellation()];
    const of = (subscription: string | undefined) =>
      ({ subscription: subscription!, method: 'DELETE' }) as const;
    faults.add({ kind: 'rate-limit', retryAfter: 6, times: 2, match: of(delayed.cancels?.[0]) });
    faults.add({ kind: 'conflict', times: 2, match: of(retried.cancels?.[0]) });
    faults.add({ kind: 'slow', ms: 250, times: 'forever' });
    world.keep(2, { concurrency: 2 });
    await world.ask([
      { ...delayed, mayFail: true },
      { ...retried, mayFail: true },
      ...(await world.mixed(30)),
    ]);
    await world.until('work has begun', () => world.cancelledSoFar() > 1);
    await world.sleep(world.random.int(0, 1_500));
    for (let floods = 0; floods < 2; floods++) {
      const from = Date.now();
      const redis = new Redis(world.lane.redis.url, { maxRetriesPerRequest: 3 });
      await redis.flushall();
      redis.disconnect();
      world.outages.push({ from, until: Date.now() });
      await world.sleep(world.random.int(500, 3_000));
    }
  },
};

export const postgresKills: Scenario = {
  name: 'postgres-kills',
  summary: 'Postgres is killed (kill -9) and recovers, twice',
  async play(world) {
    await underLoad(world);
    for (let kills = 0; kills < 2; kills++) {
      await world.outage(['postgres'], world.random.int(300, 2_000));
      await world.sleep(world.random.int(500, 2_000));
    }
  },
};

export const terminatedConnections: Scenario = {
  name: 'terminated-connections',
  summary:
    'every tenth of a second a connection to Postgres is cut (pg_terminate_backend), for eight seconds',
  async play(world) {
    await underLoad(world);
    const admin = postgres(world.lane.postgres.url, { max: 1, onnotice: () => {} });
    try {
      for (let cuts = 0; cuts < 80; cuts++) {
        await admin`
          select pg_terminate_backend(pid) from (
            select pid from pg_stat_activity
            where datname = ${new URL(world.addresses.databaseUrl).pathname.slice(1)} and application_name <> 'chaos'
            order by md5(pid::text || ${String(world.random.int(0, 1e9))}) limit 1) victim`;
        await world.sleep(100);
      }
    } finally {
      await admin.end({ timeout: 1 });
    }
  },
};

export const noConnectionsLeft: Scenario = {
  name: 'no-connections-left',
  summary: 'somebody else takes every connection that Postgres has, for eight seconds, after ours were cut',
  async play(world) {
    await underLoad(world);
    const { databaseUrl } = world.addresses;
    const database = new URL(databaseUrl).pathname.slice(1);
    const admin = postgres(world.lane.postgres.url, { max: 1, onnotice: () => {} });
    await admin`select 1`;
    const [limit] = await admin`select current_setting('max_connections')::int as most`;
    const hogs = Array.from({ length: limit!['most'] as number }, () =>
      postgres(world.lane.postgres.url, { max: 1, idle_timeout: 60, connect_timeout: 5, onnotice: () => {} }),
    );
    const from = Date.now();
    try {
      await admin`
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = ${database} and application_name <> 'chaos'`;
      await Promise.allSettled(hogs.map((hog) => hog`select 1`));
      await world.sleep(8_000);
    } finally {
      await Promise.all(hogs.map((hog) => hog.end({ timeout: 1 })));
      await admin.end({ timeout: 1 });
    }
    world.outages.push({ from, until: Date.now() });
  },
};

export const blackout: Scenario = {
  name: 'blackout',
  summary: 'workers, Redis and Postgres are all killed at once, and come back in any order',
  async play(world) {
    await underLoad(world, 30);
    const dying = world.alive.map((worker) => world.kill(worker));
    await world.outage(world.random.shuffled(['postgres', 'redis'] as const), world.random.int(500, 2_000));
    await Promise.all(dying);
    world.keep(2);
  },
};
