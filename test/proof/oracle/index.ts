/**
 * Who is due, by the seeds and the behaviours, in plain objects: first written before any SQL of the sweeps was read, then
 * changed only where the sources leave a choice open, or decide against it. What the SQL answers is compared with this
 * (test/proof/predicates.test.ts).
 */
export * from './delete.ts';
export * from './expiring-cards.ts';
export { known, type Known } from './known.ts';
export * from './mark.ts';
export * from './spared.ts';
export * from './time.ts';
export * from './trial-reminders.ts';
export * from './unverified-users.ts';
export * from './written-to.ts';
export * from './world.ts';
