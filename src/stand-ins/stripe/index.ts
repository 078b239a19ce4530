export { startStripeStandIn } from './server.ts';
export { FixtureError, readFixtures } from './fixtures.ts';
export type { StandInOptions, StripeStandIn } from './server.ts';
export type { Fault, FaultScript, PlannedFault } from './faults.ts';
export type { RequestRecord } from './serve.ts';
export type { Seed, SubscriptionSeed } from './seed.ts';
export type { Effects } from './store.ts';
export type { WireCustomer, WireEvent, WirePaymentMethod, WirePrice, WireSubscription } from './objects.ts';
