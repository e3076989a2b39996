import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from '../../../src/endpoints/store/store.ts';
import { runConformance } from '../conformance.ts';

runConformance(
  'store',
  async () => {
    const dir = await mkdtemp(join(tmpdir(), 'hubctl-store-'));
    const endpoint = await openStore(join(dir, 'store'));
    return {
      endpoint,
      names: ['docker.io/library/one:1', 'localhost:5000/team/two:2', 'docker.io/library/nobody:1'],
      reopen: () => openStore(join(dir, 'store')),
      cleanUp: async () => {
        await endpoint[Symbol.asyncDispose]();
        await rm(dir, { recursive: true, force: true });
      },
    };
  },
  { sparse: true },
);
