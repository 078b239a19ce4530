import type { Scenario } from '../scenario.ts';
import type { World } from '../world.ts';

export const stripeDown: Scenario = {
  name: 'stripe-down',
  summary:
    'Stripe is down for hours with 1,000 cancellations waiting (20 seconds of it, and the deadlines moved on)',
  async play(world) {
    const { faults } = world.lane.stripe;
    const down = faults.add({ kind: 'unavailable-empty', times: 'forever' });
    world.keep(2, { concurrency: 10 });
    const errands = Array.from({ length: 1_000 }, () => world.cancellation());
    await world.ask(errands);
    await world.sleep(20_000);
    if (!world.isControl) await hoursGoBy(world, 6);
    down.remove();
    await world.within(120_000, () => world.system.isIdle(world.sql, world.addresses));
  },
};

/** For everything that waits: as if it had been asked for so much earlier. */
async function hoursGoBy(world: World, hours: number): Promise<void> {
  await world.sql`
    update evenfall.job set deadline_at = deadline_at - ${hours} * interval '1 hour',
      waiting_since = waiting_since - ${hours} * interval '1 hour', created_at = created_at - ${hours} * interval '1 hour'
    where state in ('queued', 'dispatched', 'running')`;
}

export const smtpAmbiguous: Scenario = {
  name: 'smtp-ambiguous',
  summary: 'the mail server takes a mail and drops the line before it says so, or says nothing at all',
  short: true,
  async play(world) {
    world.keep(2);
    const { faults } = world.lane.inbox;
    for (let drops = 0; drops < 6; drops++) {
      faults.add({ kind: world.random.chance(0.7) ? 'drop-after-accept' : 'drop-before' });
      for (let people = 0; people < 4; people++) await world.ask([await world.goodbye()]);
      await world.sleep(world.random.int(200, 900));
      if (drops === 3) await world.kill(world.alive[0]!);
      world.keep(2);
    }
    await world.until('every fault was met', () => world.lane.inbox.messages.length > 12);
  },
};
