/**
 * Who is due, by the sources alone: the seeds, product.md and its rulings, written before any SQL of the sweeps was read.
 * What the SQL answers is compared with this (test/proof/predicates.test.ts).
 */
export * from './delete.ts';
export * from './expiring-cards.ts';
export { known, type Known } from './known.ts';
export * from './mark.ts';
export * from './spared.ts';
export * from './time.ts';
export * from './trial-reminders.ts';
export * from './unverified-users.ts';
export * from './world.ts';
