// More faults of the same kinds as those that clients are compared by.
import { afterAll, beforeAll, describe, test } from 'vitest';
import type { RegistryServer } from '../../src/server/serve.ts';
import { MORE_PULL_ROWS, MORE_PUSH_ROWS } from './more-rows.ts';
import { FEW_WORKERS, named, ownRegistry, pull, push } from './tables.ts';

let own: RegistryServer;
beforeAll(async () => {
  own = await ownRegistry(MORE_PULL_ROWS);
});
afterAll(() => own.close(0));

describe.each(FEW_WORKERS)('with %i workers', (workers) => {
  test.each(named(MORE_PULL_ROWS))('pull %s', async (_, row) => pull(row, own.host, workers));
  test.each(named(MORE_PUSH_ROWS))('push %s', async (_, row) => push(row, own.host, workers));
});
