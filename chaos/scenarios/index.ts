import type { Scenario } from '../scenario.ts';
import { everyFailpoint, everyKind } from './failpoints.ts';
import { smtpAmbiguous, stripeDown } from './outside.ts';
import {
  blackout,
  dispatcherKills,
  flushall,
  noConnectionsLeft,
  postgresKills,
  redisKills,
  terminatedConnections,
} from './services.ts';
import { missedTicks, skewedClocks } from './time.ts';
import { pausedWorkers, poison, rollingRestarts, workerKills } from './workers.ts';

/** Every bad day that is played, in the order of the report. */
export const scenarios: readonly Scenario[] = [
  workerKills,
  everyFailpoint,
  everyKind,
  pausedWorkers,
  poison,
  rollingRestarts,
  dispatcherKills,
  redisKills,
  flushall,
  postgresKills,
  terminatedConnections,
  noConnectionsLeft,
  blackout,
  stripeDown,
  smtpAmbiguous,
  skewedClocks,
  missedTicks,
];
