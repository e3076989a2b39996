import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Blobs } from '../../../src/endpoints/store/blobs.ts';
import { withEntry, withName } from '../../../src/endpoints/store/names.ts';
import { storePaths, type StorePaths } from '../../../src/endpoints/store/paths.ts';
import { Space } from '../../../src/endpoints/store/space.ts';
import { StateFile } from '../../../src/endpoints/store/state.ts';
import { HubError } from '../../../src/errors.ts';
import { withLock } from '../../../src/util/lock.ts';
import { temporaryName } from '../../../src/util/temporary.ts';
import { hubErrorFrom } from '../../helpers/errors.ts';
import { folder } from '../../helpers/folder.ts';
import { imageOf, opener } from '../../helpers/stores.ts';

const image = imageOf();
const NAME = 'docker.io/library/a:1';

function fresh(): { paths: StorePaths; state: StateFile; blobs: Blobs } {
  const paths = storePaths(folder());
  mkdirSync(paths.partial);
  const blobs = new Blobs(paths, new Space(paths.dir));
  return { paths, blobs, state: new StateFile(paths, blobs) };
}

const setName = (state: StateFile, name = NAME): Promise<void> =>
  state.change({}, async (change) => {
    change.index = withName(change.index, image.manifest.descriptor, name);
  });

describe('a change', () => {
  test('is seen by everybody who reads after it', async () => {
    const { paths, state, blobs } = fresh();
    const other = new StateFile(paths, blobs);
    expect((await other.index()).entries).toEqual([]);
    await setName(state);
    expect((await other.index()).entries.map(({ name }) => name)).toEqual([NAME]);
  });

  test('leaves nothing but the index and what was learnt', async () => {
    const { paths, state } = fresh();
    await setName(state);
    expect(readdirSync(paths.dir).toSorted()).toEqual(['images-cache.json', 'index.json', 'locks', 'partial']);
    expect(readdirSync(paths.locks)).toEqual([]);
  });

  test('removes what somebody left who was killed while taking the lock', async () => {
    const { paths, state } = fresh();
    const { pid } = spawnSync(process.execPath, ['--version']);
    const left = temporaryName(`${paths.indexLock}.`).replace(`-${process.pid}-`, `-${pid}-`);
    mkdirSync(paths.locks);
    writeFileSync(left, '');
    await setName(state);
    expect(readdirSync(paths.locks)).toEqual([]);
  });

  test('that changes nothing writes nothing', async () => {
    const { paths, state } = fresh();
    await state.change({}, async () => undefined);
    expect(existsSync(paths.index)).toBe(false);
    await setName(state);
    const before = statSync(paths.index).ino;
    await setName(state);
    expect(statSync(paths.index).ino).toBe(before);
  });

  test('that fails writes nothing, and the next one works', async () => {
    const { paths, state } = fresh();
    const failing = state.change({}, async (change) => {
      change.index = withName(change.index, image.manifest.descriptor, NAME);
      throw new HubError('FAILED', 'no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(existsSync(paths.index)).toBe(false);
    await setName(state);
    expect((await state.index()).entries).toHaveLength(1);
  });

  test('starts from what others have written', async () => {
    const { paths, state, blobs } = fresh();
    await setName(state);
    await setName(new StateFile(paths, blobs), 'docker.io/library/b:1');
    await setName(state, 'docker.io/library/c:1');
    expect((await state.index()).entries).toHaveLength(3);
  });

  test('can be written in the middle, before what cannot be undone', async () => {
    const { paths, state } = fresh();
    await state.change({}, async (change) => {
      change.index = withEntry(change.index, image.manifest.descriptor);
      await change.save();
      expect(existsSync(paths.index)).toBe(true);
    });
  });

  test('comes after the content it is about', async () => {
    const { paths, state, blobs } = fresh();
    const [layer] = image.layers;
    await blobs.write(layer!.descriptor, opener(layer!));
    await setName(state);
    expect(existsSync(paths.blob(layer!.descriptor.digest))).toBe(true);
  });

  test('waits for another process, says so, and can be interrupted', async () => {
    const { paths, state } = fresh();
    const stop = new AbortController();
    const reason = new HubError('ABORTED', 'interrupted');
    await withLock(paths.indexLock, {}, async () => {
      const onWait = (): void => stop.abort(reason);
      await expect(state.change({ signal: stop.signal, onWait }, async () => undefined)).rejects.toBe(reason);
    });
  });

  test('is not made over an index that is damaged', async () => {
    const { paths, state } = fresh();
    writeFileSync(paths.index, '{"schemaVersion":2,\n"manifests": [\n nonsense');
    const error = await hubErrorFrom(() => setName(state));
    expect(error).toMatchObject({ code: 'STORAGE' });
    expect(error.message).toContain(`${paths.index} is not valid JSON`);
    expect(readFileSync(paths.index, 'utf8')).toContain('nonsense');
  });
});

describe('reading', () => {
  test('waits for a tool that is writing the index in place', async () => {
    const { paths, state } = fresh();
    await setName(state);
    const whole = readFileSync(paths.index);
    writeFileSync(paths.index, whole.subarray(0, 40));
    const reading = state.index();
    writeFileSync(paths.index, whole);
    expect((await reading).entries).toHaveLength(1);
  });

  test('does not take a directory for an index', async () => {
    const { paths, state } = fresh();
    mkdirSync(paths.index);
    expect(await hubErrorFrom(() => state.index())).toMatchObject({ code: 'STORAGE' });
  });

  test('parses an index that has not changed once', async () => {
    const { state } = fresh();
    await setName(state);
    expect(await state.index()).toBe(await state.index());
  });
});

describe('what is known of the images', () => {
  test('is learnt once and kept for other processes', async () => {
    const { paths, state, blobs } = fresh();
    for (const blob of image.blobs) await blobs.write(blob.descriptor, opener(blob));
    await setName(state);
    expect((await state.view()).facts.size).toBe(1);
    unlinkSync(paths.blob(image.manifest.descriptor.digest));
    const other = new StateFile(paths, blobs);
    expect((await other.view()).facts.get(image.manifest.descriptor.digest)?.id).toBe(image.config.descriptor.digest);
  });

  test('is learnt again when another tool has changed the index', async () => {
    const { paths, state, blobs } = fresh();
    for (const blob of image.blobs) await blobs.write(blob.descriptor, opener(blob));
    await setName(state);
    await state.view();
    unlinkSync(paths.blob(image.manifest.descriptor.digest));
    writeFileSync(paths.index, readFileSync(paths.index));
    expect((await new StateFile(paths, blobs).view()).facts.size).toBe(0);
  });

  test('is not kept, and nothing is created, when there is no store', async () => {
    const paths = storePaths(join(folder(), 'store'));
    const state = new StateFile(paths, new Blobs(paths, new Space(paths.dir)));
    expect((await state.view()).index.entries).toEqual([]);
    expect(existsSync(paths.dir)).toBe(false);
  });

  test('is shown though somebody else has the lock', async () => {
    const { paths, state, blobs } = fresh();
    for (const blob of image.blobs) await blobs.write(blob.descriptor, opener(blob));
    await setName(state);
    unlinkSync(paths.cache);
    const other = new StateFile(paths, blobs);
    await withLock(paths.indexLock, {}, async () => {
      expect((await other.view()).facts.size).toBe(1);
    });
    expect(existsSync(paths.cache)).toBe(false);
  });
});
