// Does the registry stay right and small while many clients push and pull at once, and when it is killed meanwhile?
import { readFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { MemoryEndpoint } from '../../src/endpoints/memory.ts';
import { copy } from '../../src/transfer/copy.ts';
import { HUBCTL } from '../helpers/hubctl.ts';
import { addImage } from '../helpers/images.ts';
import { startProcess, type Running } from '../helpers/processes.ts';
import { isLong, randomBytes, seed, seededRandom } from '../helpers/random.ts';
import { auditRegistry } from '../helpers/registry-audit.ts';
import { testClient } from '../helpers/registry-client.ts';

/** Long: HUBCTL_TEST_LONG=1. */
const CLIENTS = isLong ? 32 : 8;
const ROUNDS = isLong ? 2000 : 4;
const LONGEST = isLong ? 60_000 : Number.POSITIVE_INFINITY; // milliseconds
const KILLS = isLong ? 50 : 4;
const MEMORY = 200 * 1024; // KiB

interface Served extends Running {
  readonly host: string;
  kill(): Promise<void>;
}

async function serveDir(dir: string, port = 0): Promise<Served> {
  const args = [HUBCTL, 'serve', '-q', '--addr', `127.0.0.1:${port}`, dir];
  const running = await startProcess(process.execPath, args, { ready: /registry at http:\/\/(\S+) / });
  return {
    ...running,
    host: running.ready[1] ?? '',
    kill: async () => {
      process.kill(running.pid, 'SIGKILL');
      await running.stop();
    },
  };
}

/** An image of three layers, the first of which is the same in every image. */
function imageFor(random: () => number, as: string): MemoryEndpoint {
  const memory = new MemoryEndpoint();
  const common = randomBytes(seededRandom(1), 300_000);
  const own = [200_000 + Math.floor(random() * 800_000), 1 + Math.floor(random() * 5000)];
  const layers = [common, ...own.map((size) => randomBytes(random, size))];
  addImage(memory, { as, layers: layers.map((bytes, index) => [[`file-${index}`, bytes] as const]) });
  return memory;
}

async function peakMemory(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]);
}

async function withDir<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'hubctl-load-'));
  try {
    return await work(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

const FORM = isLong ? 'long' : 'short; HUBCTL_TEST_LONG=1 for the long form';

describe(`a registry with many clients (${FORM})`, () => {
  it.skipIf(process.platform !== 'linux')(
    'answers everybody without an error, keeps every digest, and stays below 200 MB',
    { timeout: 180_000 },
    async () => {
      await withDir(async (dir) => {
        const served = await serveDir(dir);
        const started = performance.now();
        const work = async (number: number): Promise<number> => {
          const random = seededRandom(seed + number);
          await using client = testClient();
          let rounds = 0;
          for (; rounds < ROUNDS && performance.now() - started < LONGEST; rounds += 1) {
            // Every second image is one that the others push as well, to the same names.
            const isShared = rounds % 2 === 0;
            const image = imageFor(isShared ? seededRandom(rounds) : random, '1');
            const repository = client.repository(served.host, isShared ? `shared/r${rounds % 3}` : `own/c${number}`);
            const pushed = await copy(image, repository, '1', { as: `t${rounds}` });
            const back = new MemoryEndpoint();
            const pulled = await copy(client.repository(served.host, repository.repository), back, `t${rounds}`, {
              as: 'x',
            });
            expect(pulled.descriptor.digest).toBe(pushed.descriptor.digest);
          }
          return rounds;
        };
        try {
          const rounds = await Promise.all(Array.from({ length: CLIENTS }, (_, number) => work(number)));
          const memory = await peakMemory(served.pid);
          if (isLong) console.log(`${CLIENTS} clients, ${rounds.reduce((a, b) => a + b)} rounds, peak ${memory} KiB`);
          expect(memory).toBeLessThan(MEMORY);
          expect(served.output.filter((line) => !line.startsWith('registry at'))).toEqual([]);
        } finally {
          await served.stop();
        }
        expect(await auditRegistry(dir)).toMatchObject({ corrupt: [], incomplete: [], dangling: [] });
      });
    },
  );

  it(
    'has no broken blob and no manifest without its parts after it was killed at any moment, and clients go on',
    { timeout: 600_000 },
    async () => {
      await withDir(async (dir) => {
        const random = seededRandom(seed);
        let port = 0;
        let manifests = 0;
        for (let number = 0; number < KILLS; number += 1) {
          const served = await serveDir(dir, port);
          port = Number(served.host.split(':')[1]);
          const images = Array.from({ length: 4 }, () => imageFor(random, '1'));
          const pushAll = async (): Promise<void> => {
            await using client = testClient();
            const pushes = images.map((image, at) =>
              copy(image, client.repository(served.host, `kill/r${at}`), '1', { as: `n${number}` }),
            );
            await Promise.all(pushes);
          };
          const broken = pushAll().then(
            () => false,
            () => true,
          );
          // What is tested is a moment nobody chose.
          await pause(random() * 250);
          await served.kill();
          await broken;
          const audit = await auditRegistry(dir);
          expect(audit).toMatchObject({ corrupt: [], incomplete: [], dangling: [] });
          const again = await serveDir(dir, port);
          await pushAll();
          await again.stop();
          manifests = (await auditRegistry(dir)).manifests;
        }
        if (isLong) console.log(`${KILLS} kills, ${manifests} manifests at the end`);
        expect(manifests).toBeGreaterThanOrEqual(4 * KILLS);
      });
    },
  );
});
