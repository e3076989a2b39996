// Is the store whole after every single call to the file system, whichever of them is the last, fails, or was never synced?
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FAILURES, installFailingFs, type Failure } from '../helpers/failing-fs.ts';
import { isLong } from '../helpers/random.ts';

const failing = installFailingFs();
// Only now, so that the code sees the file system of this test.
const { openStore } = await import('../../src/endpoints/store/store.ts');
const { openLayout } = await import('../../src/endpoints/layout/layout.ts');
const { MemoryEndpoint } = await import('../../src/endpoints/memory.ts');
const { AuthFile } = await import('../../src/credentials/auth-file.ts');
const { copy } = await import('../../src/transfer/copy.ts');
const { contentOf } = await import('../../src/util/content.ts');
const { HubError } = await import('../../src/errors.ts');
const { folder } = await import('../helpers/folder.ts');
const { addImage } = await import('../helpers/images.ts');
const { leftoversOf, namesInIndex, temporaryFilesIn } = await import('../helpers/kills.ts');

type Store = Awaited<ReturnType<typeof openStore>>;

/** One operation in a fresh place. */
interface Trial {
  readonly dir: string;
  readonly work: () => Promise<unknown>;
  /** Throws unless the place is whole, with the work done or not done. */
  readonly check: () => Promise<void>;
  /** Throws unless the work is done and nothing else is left. */
  readonly finished: () => Promise<void>;
}

const source = new MemoryEndpoint('source');
addImage(source, { as: 'app' });
addImage(source, { as: 'other', layers: [[['other.txt', 'x'.repeat(3000)]]] });
// Large enough to be resumed, and too random to be compressed.
const noise = createHash('shake256', { outputLength: 3_000_000 }).update('noise').digest().toString('latin1');
addImage(source, { as: 'large', layers: [[['noise.bin', noise]]] });
/** Larger than any process id [proc(5), pid_max], so that no other process can get it while this runs. */
const DEAD = 4_194_305;

/** In a store of its own, closed afterwards as far as that is still possible. */
async function withStore<T>(dir: string, work: (store: Store) => Promise<T>): Promise<T> {
  const store = await openStore(dir);
  try {
    return await work(store);
  } finally {
    await Promise.allSettled([store[Symbol.asyncDispose]()]);
  }
}

/** This process still lives; whoever comes next has to find locks of a dead one, or none. */
function buryLocks(dir: string): void {
  for (const place of [dir, join(dir, 'locks'), join(dir, 'layout')]) {
    if (!existsSync(place)) continue;
    for (const name of readdirSync(place)) {
      const path = join(place, name);
      if (!/lock$|lease-|blob-|\.\d+$/.test(name) || name.endsWith('.tmp') || !statSync(path).isFile()) continue;
      const text = readFileSync(path, 'utf8');
      if (text.includes('"pid"')) writeFileSync(path, text.replace(/"pid":\d+/, `"pid":${DEAD}`));
      else rmSync(path);
    }
  }
  // Temporary files carry the number of this process, too.
  const places = ['.', 'locks', 'partial', 'layout', 'layout/blobs/sha256'].map((name) => join(dir, name));
  for (const place of places) {
    if (!existsSync(place)) continue;
    const own = readdirSync(place).filter((name) => name.includes(`-${process.pid}-`));
    for (const name of own)
      renameSync(join(place, name), join(place, name.replaceAll(`-${process.pid}-`, `-${DEAD}-`)));
  }
}

async function checkStore(dir: string, mayHave: readonly (readonly string[])[]): Promise<void> {
  await withStore(dir, async (store) => {
    expect((await store.upkeep.check()).damage).toEqual([]);
    expect(mayHave.map((names) => names.toSorted())).toContainEqual([...namesInIndex(dir)].toSorted());
  });
}

const NAMES = ['docker.io/library/app:latest', 'docker.io/library/other:latest'] as const;

async function filledStore(): Promise<string> {
  const dir = join(folder(), 'store');
  await withStore(dir, async (store) => {
    for (const name of ['app', 'other']) await copy(source, store, name, { as: name });
  });
  return dir;
}

const TRIALS: Readonly<Record<string, () => Promise<Trial>>> = {
  'a pull into a new store': async () => {
    const dir = join(folder(), 'store');
    return {
      dir,
      work: () => withStore(dir, (store) => copy(source, store, 'app', { as: 'app' })),
      check: () => checkStore(dir, [[], [NAMES[0]]]),
      finished: async () => {
        await checkStore(dir, [[NAMES[0]]]);
        expect(leftoversOf(dir)).toEqual([]);
      },
    };
  },
  'a pull into a store in use': async () => {
    const dir = join(folder(), 'store');
    await withStore(dir, (store) => copy(source, store, 'app', { as: 'app' }));
    return {
      dir,
      work: () => withStore(dir, (store) => copy(source, store, 'other', { as: 'other' })),
      check: () => checkStore(dir, [[NAMES[0]], [...NAMES]]),
      finished: async () => {
        await checkStore(dir, [[...NAMES]]);
        expect(leftoversOf(dir)).toEqual([]);
      },
    };
  },
  'a pull of large content': async () => {
    const dir = join(folder(), 'store');
    const name = 'docker.io/library/large:latest';
    return {
      dir,
      work: () => withStore(dir, (store) => copy(source, store, 'large', { as: 'large' })),
      check: () => checkStore(dir, [[], [name]]),
      finished: async () => {
        await checkStore(dir, [[name]]);
        expect(leftoversOf(dir)).toEqual([]);
      },
    };
  },
  'a tag': async () => {
    const dir = await filledStore();
    const both = [...NAMES, 'docker.io/library/new:1'];
    return {
      dir,
      work: () => withStore(dir, async (store) => store.setName((await store.find('app')).descriptor, 'new:1')),
      check: () => checkStore(dir, [[...NAMES], both]),
      finished: () => checkStore(dir, [both]),
    };
  },
  'the removal of an image': async () => {
    const dir = await filledStore();
    return {
      dir,
      work: () =>
        withStore(dir, async (store) => {
          const images = await store.images();
          return store.remove(images.filter(({ name }) => name === NAMES[1]));
        }),
      check: () => checkStore(dir, [[...NAMES], [NAMES[0]]]),
      finished: () => checkStore(dir, [[NAMES[0]]]),
    };
  },
  'a collection': async () => {
    const dir = await filledStore();
    await withStore(dir, (store) => store.addBytes(Buffer.from('unused'), 'text/plain'));
    await withStore(dir, (store) => store.unname('other'));
    return {
      dir,
      work: () => withStore(dir, (store) => store.collect({ allPartial: true })),
      check: () => checkStore(dir, [[NAMES[0]]]),
      finished: async () => {
        await checkStore(dir, [[NAMES[0]]]);
        expect(leftoversOf(dir)).toEqual([]);
      },
    };
  },
  'content whose digest is not known': async () => {
    const dir = await filledStore();
    const bytes = Buffer.from('content '.repeat(1000));
    return {
      dir,
      work: () => withStore(dir, (store) => store.ingest(contentOf(bytes))),
      check: () => checkStore(dir, [[...NAMES]]),
      finished: async () => {
        await checkStore(dir, [[...NAMES]]);
        expect(leftoversOf(dir)).toEqual([]);
      },
    };
  },
  'the mending of a list of images': async () => {
    const dir = await filledStore();
    writeFileSync(join(dir, 'index.json'), '{');
    return {
      dir,
      work: () => withStore(dir, (store) => store.upkeep.rebuildIndex()),
      check: async () => {
        const kept = readdirSync(dir).filter((name) => name.startsWith('index.json'));
        expect(kept.length).toBeGreaterThan(0);
      },
      finished: () => checkStore(dir, [[]]),
    };
  },
  'a copy to a layout': async () => {
    const dir = folder();
    const layout = join(dir, 'layout');
    return {
      dir,
      work: async () => copy(source, await openLayout(layout), 'app', { as: '1' }),
      check: async () => {
        expect([[], ['1']]).toContainEqual(namesInIndex(layout));
      },
      finished: async () => {
        expect(namesInIndex(layout)).toEqual(['1']);
        expect([...temporaryFilesIn(layout), ...temporaryFilesIn(join(layout, 'blobs', 'sha256'))]).toEqual([]);
        const again = await copy(await openLayout(layout), new MemoryEndpoint('again'), '1', { as: 'x' });
        expect(again.copied).toBe(2);
      },
    };
  },
  'a login that is kept in a file': async () => {
    const dir = folder();
    const path = join(dir, 'config.json');
    const before = { auths: { other: { auth: 'YTpi' } }, plugins: { x: { y: '1' } } };
    writeFileSync(path, JSON.stringify(before));
    const file = new AuthFile({ path, label: path, shape: 'config', warn: () => undefined });
    const read = (): unknown => JSON.parse(readFileSync(path, 'utf8'));
    return {
      dir,
      work: () => file.store('registry.example', { kind: 'basic', username: 'a', password: 'b' }),
      check: async () => expect(read()).toMatchObject(before),
      finished: async () => {
        expect(read()).toMatchObject({ ...before, auths: { ...before.auths, 'registry.example': { auth: 'YTpi' } } });
        expect(readdirSync(dir)).toEqual(['config.json']);
      },
    };
  },
};

/** All of them by hand; spread over all of them, and the last, in the quick form. */
function pointsOf(calls: number): readonly number[] {
  const step = isLong ? 1 : Math.max(1, Math.ceil(calls / 6));
  return Array.from({ length: calls }, (_, at) => at + 1).filter((point) => point % step === 0 || point === calls);
}

async function tryPoint(prepare: () => Promise<Trial>, at: number, failure: Failure): Promise<boolean> {
  const { dir, work, check, finished } = await prepare();
  const { failed, error } = await failing.run({ dir, at, failure }, work);
  if (error !== undefined && !HubError.is(error))
    throw new Error(`not told as ours: ${(error as Error).stack}`, { cause: error });
  if (error !== undefined && failure !== 'data' && failure !== 'names')
    expect(HubError.is(error, 'STORAGE') || HubError.is(error, 'LOCKED')).toBe(true);
  mkdirSync(dir, { recursive: true });
  buryLocks(dir);
  await check();
  await work();
  await finished();
  return failed;
}

describe.each(Object.entries(TRIALS))('%s', (_, prepare) => {
  test.each(FAILURES)(
    'survives %s at every call',
    async (failure) => {
      const { dir, work } = await prepare();
      const { calls, error } = await failing.run({ dir }, work);
      expect(error).toBeUndefined();
      expect(calls).toBeGreaterThan(3);
      let reached = 0;
      for (const at of pointsOf(calls)) {
        try {
          if (await tryPoint(prepare, at, failure)) reached += 1;
        } catch (cause) {
          throw new Error(`${failure} at call ${at} of ${calls}: ${String(cause)}`, { cause });
        }
      }
      expect(reached).toBeGreaterThan(0);
      if (isLong) console.log(`${failure}: ${reached} of ${calls} calls`);
    },
    600_000,
  );
});
