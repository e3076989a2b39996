import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/helpers/global-setup.ts'],
    pool: 'forks',
    // One more than there are processors: many tests wait for a disk, a connection or a program they started.
    maxWorkers: availableParallelism() + 1,
    // To end what hangs, not to judge how fast a machine is.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // A second, the default, is nothing to a machine that has much to do.
    expect: { poll: { timeout: 20_000 } },
  },
});
