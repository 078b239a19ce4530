import { describe, inject } from 'vitest';

/** Where the services of this test run come from: named by the environment, Testcontainers, or our own. */
export type ServiceKind = 'given' | 'containers' | 'embedded';

declare module 'vitest' {
  interface ProvidedContext {
    /** A superuser's URL of a maintenance database: tests make their own databases beside it. */
    databaseUrl: string;
    /** undefined where the machine has no Redis for the tests. */
    redisUrl: string | undefined;
    serviceKind: ServiceKind;
  }
}

const withoutRedis = 'no Redis for the tests: set TEST_REDIS_URL or install redis-server';

/** A `describe` whose tests need Redis; on a machine without one they are skipped and say why. */
export function describeWithRedis(name: string, define: (redisUrl: string) => void): void {
  const redisUrl = inject('redisUrl');
  if (redisUrl === undefined) describe.skip(`${name} [${withoutRedis}]`, () => define(''));
  else describe(name, () => define(redisUrl));
}
