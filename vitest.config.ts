import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts', 'test/**/*.test.tsx'],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // mostly waiting, for Postgres and for processes: one more than the default on a machine of two cores
    maxWorkers: Math.max(2, availableParallelism() - 1),
  },
});
