import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openRegistryDir, type RegistryDir, type RegistryDirOptions } from '../../../src/server/disk/registry-dir.ts';
import { digestOf } from '../../../src/spec/digest.ts';
import { MEDIA_TYPES } from '../../../src/spec/media-types.ts';
import { collect, contentOf } from '../../../src/util/content.ts';
import { place } from '../../../src/util/machine.ts';
import { hubErrorFrom } from '../../helpers/errors.ts';
import { folder } from '../../helpers/folder.ts';
import { filesBelow } from '../../helpers/tree.ts';

const DEAD = 2 ** 22 + 1;
const hello = Buffer.from('hello');
const digest = digestOf(hello);

async function openDir(dir: string = folder(), options: RegistryDirOptions = {}): Promise<RegistryDir> {
  const registry = await openRegistryDir(dir, options);
  onTestFinished(() => registry[Symbol.asyncDispose]());
  return registry;
}

async function addBlob(registry: RegistryDir, repository: string, bytes: Buffer = hello): Promise<string> {
  const upload = await registry.uploads.start(repository);
  await upload.append(contentOf(bytes));
  await registry.finish(upload, digestOf(bytes));
  return digestOf(bytes);
}

async function addManifest(
  registry: RegistryDir,
  repository: string,
  bytes: Buffer,
  tags: readonly string[] = [],
): Promise<string> {
  const descriptor = { mediaType: MEDIA_TYPES.ociManifest, digest: digestOf(bytes), size: bytes.length };
  await registry.putManifest(repository, { descriptor, bytes, tags });
  return descriptor.digest;
}

/** Paths of content that is kept, whoever has it. */
function contentOfDir(dir: string): readonly string[] {
  return filesBelow(join(dir, 'blobs'));
}

async function read(registry: RegistryDir, repository: string, wanted: string): Promise<string | undefined> {
  const blob = await registry.blob(repository, wanted);
  return blob && (await collect(await blob.open(), 1000)).toString();
}

describe('opening a folder', () => {
  test('a new one becomes a registry, for its owner alone', async () => {
    const dir = join(folder(), 'new', 'registry');
    await openDir(dir);
    expect(readdirSync(dir).toSorted()).toEqual(['registry.json', 'registry.lock', 'uploads']);
    expect(JSON.parse(readFileSync(join(dir, 'registry.json'), 'utf8'))).toEqual({
      kind: 'hubctl registry',
      version: 1,
    });
  });

  test('one that holds something else is refused and left as it was', async () => {
    const dir = folder();
    writeFileSync(join(dir, 'thesis.txt'), 'years of work');
    const error = await hubErrorFrom(() => openRegistryDir(dir));
    expect(error.code).toBe('STORAGE');
    expect(error.message).toContain('is not a registry: it holds thesis.txt');
    expect(readdirSync(dir)).toEqual(['thesis.txt']);
  });

  test('one of another version is refused', async () => {
    const dir = folder();
    writeFileSync(join(dir, 'registry.json'), '{"kind":"hubctl registry","version":2}');
    const error = await hubErrorFrom(() => openRegistryDir(dir));
    expect([error.code, error.message]).toEqual(['STORAGE', `${dir} holds a registry of another version`]);
  });

  test('what a start that was cut short left is taken', async () => {
    const dir = folder();
    writeFileSync(join(dir, '.registry.json.1234.tmp'), '{');
    await addBlob(await openDir(dir), 'a');
  });

  test('one that is served is locked', async () => {
    const { dir } = await openDir();
    const error = await hubErrorFrom(() => openRegistryDir(dir));
    expect([error.code, error.message]).toEqual(['LOCKED', `${dir} is served by process ${process.pid} already`]);
  });

  test('the lock of a process that died is taken over', async () => {
    const dir = folder();
    const holder = { token: '0123456789abcdef', pid: DEAD, hostname: 'here', place: place(), since: 5 };
    writeFileSync(join(dir, 'registry.lock'), JSON.stringify(holder));
    await addBlob(await openDir(dir), 'a');
  });

  test('one that was closed can be opened again, with all it had', async () => {
    const first = await openDir();
    await addBlob(first, 'a');
    const manifest = await addManifest(first, 'a/b', Buffer.from('{}'), ['latest']);
    await first[Symbol.asyncDispose]();
    const second = await openDir(first.dir);
    expect(await read(second, 'a', digest)).toBe('hello');
    expect((await second.manifest('a/b', 'latest'))?.digest).toBe(manifest);
    expect(await second.repositories()).toEqual(['a/b']);
  });

  test('closing it twice does not take it from who opened it meanwhile', async () => {
    const first = await openDir();
    await first[Symbol.asyncDispose]();
    await openDir(first.dir);
    await first[Symbol.asyncDispose]();
    expect((await hubErrorFrom(() => openRegistryDir(first.dir))).code).toBe('LOCKED');
  });

  test('reading only, several may open it, also while it is served', async () => {
    const served = await openDir();
    await addBlob(served, 'a');
    const before = filesBelow(served.dir);
    for (const reader of [
      await openDir(served.dir, { readOnly: true }),
      await openDir(served.dir, { readOnly: true }),
    ]) {
      expect(await read(reader, 'a', digest)).toBe('hello');
    }
    expect(filesBelow(served.dir)).toEqual(before);
  });

  test('reading only, a folder that is not there is not made', async () => {
    const dir = join(folder(), 'missing');
    expect(await (await openDir(dir, { readOnly: true })).repositories()).toEqual([]);
    expect(existsSync(dir)).toBe(false);
  });
});

describe('blobs', () => {
  test('are there only in the repositories they were brought to', async () => {
    const registry = await openDir();
    await addBlob(registry, 'a');
    expect(await read(registry, 'a', digest)).toBe('hello');
    expect(await registry.blob('b', digest)).toBeUndefined();
    expect(await registry.blob('a', digestOf('other'))).toBeUndefined();
  });

  test('are kept once, however often they are brought at the same time', async () => {
    const registry = await openDir();
    await Promise.all(Array.from({ length: 20 }, (_, at) => addBlob(registry, `r${at % 5}`)));
    expect(contentOfDir(registry.dir)).toHaveLength(1);
    for (let at = 0; at < 5; at += 1) expect(await read(registry, `r${at}`, digest)).toBe('hello');
    expect(readdirSync(join(registry.dir, 'uploads'))).toEqual([]);
  });

  test('of the wrong digest are not kept, and their session is over', async () => {
    const registry = await openDir();
    const upload = await registry.uploads.start('a');
    await upload.append(contentOf(hello));
    const error = await hubErrorFrom(() => registry.finish(upload, digestOf('other')));
    expect(error.code).toBe('DIGEST_MISMATCH');
    expect(contentOfDir(registry.dir)).toEqual([]);
    expect(readdirSync(join(registry.dir, 'uploads'))).toEqual([]);
  });

  test('are lent from where they are said to be, or from anywhere', async () => {
    const registry = await openDir();
    await addBlob(registry, 'a');
    expect(await registry.mount('b', digest, 'missing')).toBe(false);
    expect(await registry.mount('b', digest, 'a')).toBe(true);
    expect(await registry.mount('c', digest, undefined)).toBe(true);
    expect(await registry.mount('d', digestOf('other'), undefined)).toBe(false);
    expect(await read(registry, 'c', digest)).toBe('hello');
    expect(await registry.blob('d', digest)).toBeUndefined();
  });

  test('go with their last link, and not before', async () => {
    const registry = await openDir();
    await addBlob(registry, 'a');
    await registry.mount('b', digest, 'a');
    expect(await registry.deleteBlob('a', digest)).toBe(true);
    expect(await registry.deleteBlob('a', digest)).toBe(false);
    expect(await read(registry, 'b', digest)).toBe('hello');
    expect(await registry.deleteBlob('b', digest)).toBe(true);
    expect(contentOfDir(registry.dir)).toEqual([]);
  });

  test('stay while a manifest has the same bytes', async () => {
    const registry = await openDir();
    const bytes = Buffer.from('{}');
    await addBlob(registry, 'a', bytes);
    await addManifest(registry, 'b', bytes);
    await registry.deleteBlob('a', digestOf(bytes));
    expect((await (await registry.manifest('b', digestOf(bytes)))?.bytes())?.toString()).toBe('{}');
    expect(await registry.deleteManifest('b', digestOf(bytes), undefined)).toBe(true);
    expect(contentOfDir(registry.dir)).toEqual([]);
  });

  test('that are brought and deleted at the same time are whole or gone', async () => {
    const registry = await openDir();
    await addBlob(registry, 'a');
    for (let round = 0; round < 10; round += 1) {
      await Promise.all([registry.deleteBlob('a', digest), addBlob(registry, 'b'), registry.mount('c', digest, 'b')]);
      expect(await read(registry, 'b', digest)).toBe('hello');
      await registry.deleteBlob('b', digest);
      await addBlob(registry, 'a');
    }
  });
});

describe('manifests', () => {
  test('are found by tag and digest, exactly as they came', async () => {
    const registry = await openDir();
    const bytes = Buffer.from(' {"a": 1}\n');
    const manifest = await addManifest(registry, 'a', bytes, ['one', 'Two']);
    for (const reference of [manifest, 'one', 'Two']) {
      const found = await registry.manifest('a', reference);
      expect(found).toMatchObject({ digest: manifest, mediaType: MEDIA_TYPES.ociManifest, size: bytes.length });
      expect((await found?.bytes())?.equals(bytes)).toBe(true);
    }
    expect((await registry.tags('a'))?.toSorted()).toEqual(['Two', 'one']);
    expect(await registry.manifest('b', manifest)).toBeUndefined();
    expect(await registry.manifest('a', 'two')).toBeUndefined();
  });

  test('leave with their tags, and tags without them', async () => {
    const registry = await openDir();
    const [first, second] = [
      await addManifest(registry, 'a', Buffer.from('{"n":1}'), ['one', 'uno']),
      await addManifest(registry, 'a', Buffer.from('{"n":2}'), ['two', 'dos']),
    ];
    expect(await registry.deleteTag('a', 'dos')).toBe(true);
    expect(await registry.deleteTag('a', 'dos')).toBe(false);
    expect(await registry.deleteManifest('a', first, undefined)).toBe(true);
    expect(await registry.deleteManifest('a', first, undefined)).toBe(false);
    expect(await registry.tags('a')).toEqual(['two']);
    expect((await registry.manifest('a', second))?.digest).toBe(second);
  });

  test('are what makes a repository: without any it is not listed', async () => {
    const registry = await openDir();
    await addBlob(registry, 'blobs/only');
    const manifest = await addManifest(registry, 'a', Buffer.from('{}'));
    expect([await registry.tags('a'), await registry.tags('blobs/only')]).toEqual([[], undefined]);
    expect(await registry.repositories()).toEqual(['a']);
    await registry.deleteManifest('a', manifest, undefined);
    expect(await registry.repositories()).toEqual([]);
    expect(await registry.tags('a')).toBeUndefined();
  });

  test('are listed as referrers of their subject until they are deleted', async () => {
    const registry = await openDir();
    const subject = digestOf('subject');
    const bytes = Buffer.from('{"subject":1}');
    const descriptor = { mediaType: MEDIA_TYPES.ociManifest, digest: digestOf(bytes), size: bytes.length };
    const referrer = { ...descriptor, artifactType: 'a/b', annotations: { c: 'd' } };
    await registry.putManifest('a', { descriptor, bytes, tags: [], subject, referrer });
    expect(await registry.referrers('a', subject)).toEqual([expect.objectContaining(referrer)]);
    expect(await registry.referrers('b', subject)).toEqual([]);
    await registry.deleteManifest('a', descriptor.digest, subject);
    expect(await registry.referrers('a', subject)).toEqual([]);
  });

  test('say where their tag comes from, when it was not pushed', async () => {
    const registry = await openDir();
    const bytes = Buffer.from('{}');
    const descriptor = { mediaType: MEDIA_TYPES.ociManifest, digest: digestOf(bytes), size: 2 };
    await registry.putManifest('a', { descriptor, bytes, tags: ['x'], upstream: 'docker.io' });
    expect(await registry.tagEntry('a', 'x')).toEqual({ digest: descriptor.digest, upstream: 'docker.io' });
    await registry.putManifest('a', { descriptor, bytes, tags: ['x'] });
    expect(await registry.tagEntry('a', 'x')).toEqual({ digest: descriptor.digest, upstream: undefined });
  });

  test('that were damaged on disk are not there', async () => {
    const registry = await openDir();
    const manifest = await addManifest(registry, 'a', Buffer.from('{}'), ['x']);
    const [tag = ''] = filesBelow(registry.dir).filter((path) => path.includes('_tags'));
    writeFileSync(tag, '{"digest":"../../etc/passwd"}');
    expect(await registry.manifest('a', 'x')).toBeUndefined();
    expect((await registry.manifest('a', manifest))?.digest).toBe(manifest);
  });
});

test('repositories within repositories are all listed, and strange folders are not', async () => {
  const first = await openDir();
  for (const name of ['a', 'a/b', 'a/b/c', 'manifests/tags']) await addManifest(first, name, Buffer.from('{}'));
  mkdirSync(join(first.dir, 'repositories', 'Strange', '_tags'), { recursive: true });
  await first[Symbol.asyncDispose]();
  const second = await openDir(first.dir);
  expect((await second.repositories()).toSorted()).toEqual(['a', 'a/b', 'a/b/c', 'manifests/tags']);
  await addManifest(second, 'new', Buffer.from('{}'));
  expect(await second.repositories()).toContain('new');
});

test('work on one session takes turns', async () => {
  const registry = await openDir();
  const upload = await registry.uploads.start('a');
  const order: string[] = [];
  await Promise.all(
    ['first', 'second'].map((name) =>
      registry.exclusive(upload, async () => {
        order.push(`${name} begins`);
        await upload.size();
        order.push(`${name} ends`);
      }),
    ),
  );
  expect(order).toEqual(['first begins', 'first ends', 'second begins', 'second ends']);
});

test('no tag is left without its manifest when it is put and deleted at once', async () => {
  const registry = await openDir();
  const bytes = Buffer.from('{"schemaVersion":2}');
  for (let round = 0; round < 20; round += 1) {
    const manifest = await addManifest(registry, 'team/app', bytes, ['1']);
    await Promise.all([
      registry.deleteManifest('team/app', manifest, undefined),
      addManifest(registry, 'team/app', bytes, ['1', '2']),
    ]);
    for (const tag of (await registry.tags('team/app')) ?? []) {
      expect(await registry.manifest('team/app', tag)).toBeDefined();
    }
  }
});

test('a tag that moves on while its old manifest is deleted stays', async () => {
  const registry = await openDir();
  const [before, after] = [Buffer.from('{"schemaVersion":2}'), Buffer.from('{"schemaVersion":2,"a":1}')];
  for (let round = 0; round < 20; round += 1) {
    const old = await addManifest(registry, 'team/app', before, ['1']);
    await Promise.all([
      registry.deleteManifest('team/app', old, undefined),
      addManifest(registry, 'team/app', after, ['1']),
    ]);
    expect((await registry.manifest('team/app', '1'))?.digest).toBe(digestOf(after));
  }
});
