import { errandOf } from '../errand-of-kind.ts';
import type { Errand } from '../errand.ts';
import type { Scenario } from '../scenario.ts';
import type { World } from '../world.ts';

export const workerKills: Scenario = {
  name: 'worker-kills',
  summary: 'workers are killed (kill -9) at random moments, four times',
  async play(world) {
    world.slowStripe(120);
    world.keep(2);
    const asking = underWay(world, 8, 6);
    for (let kills = 0; kills < 4; kills++) {
      await world.sleep(world.random.int(300, 1_500));
      await world.kill(world.alive[0]!);
      await world.startWorker().saw(/working/);
    }
    await asking;
  },
};

export const rollingRestarts: Scenario = {
  name: 'rolling-restarts',
  summary:
    '20 deploys under load: each worker in turn is stopped (SIGTERM, every fourth kill -9) and replaced',
  async play(world) {
    world.slowStripe(200);
    world.keep(3);
    const asking = underWay(world, 20, 4);
    for (let restarts = 0; restarts < 20; restarts++) {
      const oldest = world.alive[0]!;
      await world.startWorker().saw(/working/);
      if (restarts % 4 === 3) await world.kill(oldest);
      else await world.terminate(oldest);
    }
    await asking;
  },
};

/** So many errands, so many times, about a second apart. */
async function underWay(world: World, times: number, errands: number): Promise<void> {
  for (let rounds = 0; rounds < times; rounds++) {
    await world.ask(await world.mixed(errands));
    await world.sleep(world.random.int(500, 1_500));
  }
}

export const pausedWorkers: Scenario = {
  name: 'paused-workers',
  summary:
    'a worker stands still (SIGSTOP) for longer than its lease; others do its jobs, the customers subscribe anew, and it comes back',
  async play(world) {
    world.slowStripe(400);
    for (let rounds = 0; rounds < 2; rounds++) {
      world.keep(2);
      const before = world.cancelledSoFar();
      const errands = await world.mixed(16);
      await world.ask(errands);
      await world.within(20_000, () => world.cancelledSoFar() > before);
      const worker = world.random.pick(world.alive);
      world.deaths.set(worker.pid, Date.now());
      worker.kill('SIGSTOP');
      const allDone = () => world.system.isIdle(world.sql, world.addresses);
      // in the control a stalled job is found again after a minute
      if (!(await world.within(world.isControl ? 70_000 : 40_000, allDone))) {
        if (!world.isControl) world.faults.push('the jobs of a paused worker were not done in time');
        return worker.kill('SIGCONT');
      }
      comeBack(world, errands);
      worker.kill('SIGCONT');
      await world.sleep(3_000);
    }
  },
};

/** The customers whose subscription was cancelled subscribe anew: that one is theirs to keep. */
function comeBack(world: World, errands: readonly Errand[]): void {
  const { store, seed } = world.lane.stripe;
  for (const id of errands.flatMap((errand) => errand.cancels ?? [])) {
    const { customer } = store.subscriptions.get(id)!;
    world.kept.push(seed.subscription({ customer }).id);
  }
}

export const poison: Scenario = {
  name: 'poison',
  summary: 'one job kills its worker each time it runs, beside others that are innocent',
  withoutControl: 'it cannot be made to die in one job; its workers are killed at random',
  async play(world) {
    // the row decides, so that a story need not see eleven deaths
    await world.sql`update evenfall.job_kind set crash_budget = 1 where kind = 'sync-customer'`;
    const poisonous = await errandOf['sync-customer']!(world);
    await world.ask([{ ...poisonous, ends: 'dead' }]);
    const { jobId } = world.errands[0]!;
    await world.ask(await world.mixed(10));
    for (let deaths = 0; deaths < 2; deaths++) {
      const worker = world.startWorker({ failpoint: 'run.started:sync-customer=kill' });
      await world.until('the job kills its worker', () => !world.alive.includes(worker));
    }
    world.keep(1);
    await world.until('it is buried', async () => {
      const [letter] = await world.sql`select class from evenfall.dead_letter where job_id = ${jobId!}`;
      return letter?.['class'] === 'poison';
    });
  },
};
