import { errandOf } from '../errand-of-kind.ts';
import type { Errand } from '../errand.ts';
import type { Scenario } from '../scenario.ts';
import type { World } from '../world.ts';
import { failpoints } from '../../src/core/failpoints.ts';
import type { Failpoint } from '../../src/core/failpoints.ts';

/** A step of some kind's run, or one that is nobody's. */
interface Target {
  readonly point: Failpoint;
  readonly kind: string;
}

const plain: Failpoint[] = ['run.started', 'run.ended', 'outcome.written'];
const acting: Failpoint[] = ['effect.claimed', 'effect.acted', 'effect.settled'];
const writing: Failpoint[] = ['transaction.written', 'transaction.committed'];

/** What a run of each kind passes through. */
const steps: Readonly<Record<string, readonly Failpoint[]>> = {
  'cancel-subscription': [...plain, ...acting, 'retry.written'],
  'deactivate-account': [...plain, ...acting, ...writing],
  'sync-customer': plain,
  'backfill-stripe': plain,
  sweep: plain,
  'forget-old-records': plain,
  'trial-ending-email': [...plain, ...acting],
  'expiring-card-email': [...plain, ...acting],
  'mark-team-for-deletion': [...plain, ...acting, ...writing],
  'deletion-reminder-email': [...plain, ...acting],
  'delete-inactive-team': [...plain, ...writing],
  'delete-unverified-users': [...plain, ...writing],
  'erase-person': [...plain, ...acting, ...writing],
  'alert-dead-letter': plain,
  'alert-finding': plain,
};

const nobodys: Target[] = (
  ['dispatch.claimed', 'dispatch.added', 'dispatch.committed', 'reconcile.asked'] as const
).map((point) => ({ point, kind: 'cancel-subscription' }));

const everyTarget: readonly Target[] = [
  ...nobodys,
  { point: 'dead.written', kind: 'cancel-subscription' },
  ...Object.entries(steps).flatMap(([kind, points]) => points.map((point) => ({ point, kind }))),
];

/** The parts into which the targets are dealt: eight stories in a row are killed at all of them. */
const parts = 8;

/** Every failpoint once, at two kinds that Stripe and the mail server are asked by. */
export const everyFailpoint: Scenario = {
  name: 'every-failpoint',
  summary: 'a worker is killed at every step between two writes',
  short: true,
  withoutControl: 'it has none of these steps; its workers are killed at random',
  async play(world) {
    const seen = new Set<Failpoint>();
    const targets = world.random.shuffled(everyTarget).filter(({ point, kind }) => {
      if (!['cancel-subscription', 'deactivate-account'].includes(kind) || seen.has(point)) return false;
      return seen.add(point);
    });
    if (seen.size !== Object.keys(failpoints).length)
      throw new Error('a failpoint is missing from the targets');
    await killAtEach(world, targets);
  },
};

export const everyKind: Scenario = {
  name: 'every-kind',
  summary: 'a worker is killed at the steps of every kind of job, an eighth of them in each story',
  withoutControl: 'it has none of these kinds',
  async play(world, seed) {
    await world.sql`update evenfall.job_kind set paused_at = null, paused_why = null`;
    const mine = everyTarget.filter((_target, index) => index % parts === seed % parts);
    await killAtEach(world, world.random.shuffled(mine));
  },
};

/** One worker after another, each killed at its own step, with work that leads there; another one stays alive. */
async function killAtEach(world: World, targets: readonly Target[]): Promise<void> {
  await world.startWorker({ concurrency: 1 }).saw(/working/);
  for (const target of targets) {
    const { point, kind } = target;
    if (point === 'reconcile.asked') await forgotten(world);
    const ofKind = nobodys.includes(target) || point === 'dead.written' ? '' : `:${kind}`;
    const worker = world.startWorker({ failpoint: `${point}${ofKind}=kill` });
    const isGone = () => !world.alive.includes(worker);
    await world.within(30_000, () => isGone() || worker.output().includes('working'));
    // the one that stays may be quicker to take it
    for (let tries = 0; tries < 20 && !isGone(); tries++) {
      await world.ask([await leadingTo(world, target)]);
      await world.within(1_000, isGone);
    }
    if (isGone()) continue;
    world.faults.push(`no run of ${kind} got to ${point}`);
    await worker.end();
  }
}

async function leadingTo(world: World, { point, kind }: Target): Promise<Errand> {
  if (point === 'dead.written') return await errandOf['alert-dead-letter']!(world);
  const errand = await errandOf[kind]!(world);
  if (point !== 'retry.written') return errand;
  const subscription = errand.cancels![0]!;
  world.lane.stripe.faults.add({ kind: 'conflict', times: 2, match: { subscription, method: 'DELETE' } });
  return { ...errand, mayFail: true };
}

/** As after a Redis that was lost: dispatched a while ago, and BullMQ has no entry for it. */
async function forgotten(world: World): Promise<void> {
  const errand = world.cancellation();
  const [job] = await world.sql`
    select evenfall.enqueue('cancel-subscription', ${world.sql.json(errand.payload)},
      run_at => clock_timestamp() + interval '1 hour')::text as id`;
  const jobId = String(job!['id']);
  await world.sql`
    update evenfall.job set state = 'dispatched', due = false, dispatch_no = nextval('evenfall.dispatch_no'),
      run_at = clock_timestamp(), dispatched_at = clock_timestamp() - interval '1 minute'
    where id = ${jobId}`;
  world.errands.push({ ...errand, jobId });
}
