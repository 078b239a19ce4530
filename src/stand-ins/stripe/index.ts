export { startStripeStandIn } from './server.ts';
export { deliverEvents } from './webhooks.ts';
export type { DeliveryOptions } from './webhooks.ts';
export { FixtureError, readFixtures } from './fixtures.ts';
export type { StandInOptions, StripeStandIn } from './server.ts';
export type { FaultScript } from './faults.ts';
export type { RequestRecord } from './serve.ts';
export type { SubscriptionSeed } from './seed.ts';
export type { WireEvent } from './objects.ts';
