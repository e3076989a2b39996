import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openArchive } from '../../../src/endpoints/archive/read.ts';
import { createArchive } from '../../../src/endpoints/archive/write.ts';
import { MemoryEndpoint } from '../../../src/endpoints/memory.ts';
import { digestOf } from '../../../src/spec/digest.ts';
import { copy } from '../../../src/transfer/copy.ts';
import type { Open } from '../../../src/transfer/endpoint.ts';
import { contentOf } from '../../../src/util/content.ts';
import { addArtifact, addImage, addIndex, AMD64 } from '../../helpers/images.ts';

const run = promisify(execFile);
const blob = (text: string): { descriptor: { mediaType: string; digest: string; size: number }; open: Open } => ({
  descriptor: { mediaType: 'text/plain', digest: digestOf(text), size: text.length },
  open: async () => contentOf(Buffer.from(text)),
});
const breaking: Open = async () => ({
  forEach: async (consume) => {
    await consume(Buffer.from('half'));
    throw new TypeError('the source broke');
  },
  cancel: () => undefined,
});

describe('a new archive', () => {
  let dir: string;
  let path: string;
  let source: MemoryEndpoint;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hubctl-write-'));
    path = join(dir, 'x.tar');
    source = new MemoryEndpoint();
  });
  afterEach(() => rm(dir, { recursive: true }));

  const save = async (names: readonly (readonly [from: string, as: string])[], to = path): Promise<Buffer> => {
    await using archive = await createArchive({ path: to }, { host: AMD64 });
    for (const [from, as] of names)
      await copy(source, archive, from, { as, concurrency: 1, available: true, keepIndex: true });
    await archive.commit();
    return readFile(to);
  };
  const entries = async (): Promise<string[]> => (await run('tar', ['-tf', path])).stdout.trim().split('\n');
  const open = (): ReturnType<typeof openArchive> =>
    openArchive({ path }, { store: () => expect.fail('nothing needs the store') });

  it('holds each blob once, and ends with what lists them', async () => {
    addImage(source, { as: 'one' });
    addImage(source, { as: 'two', layers: [[['hello.txt', 'hello\n']]] });
    await save([
      ['one', 'docker.io/library/one:1'],
      ['two', 'docker.io/library/two:1'],
    ]);
    const names = await entries();
    expect(names.slice(0, 3)).toEqual(['oci-layout', 'blobs/', 'blobs/sha256/']);
    expect(names.slice(-3)).toEqual(['index.json', 'manifest.json', 'repositories']);
    const blobs = names.filter((name) => /^blobs\/sha256\/[a-f0-9]{64}$/.test(name));
    // Two manifests, two configs, and three layers, one of them in both images: that is counted once.
    expect(blobs).toHaveLength(6);
    expect(new Set(blobs).size).toBe(blobs.length);
    expect(names).toHaveLength(blobs.length + 6);
  });

  it('is the same bytes for the same images', async () => {
    addIndex(source, { as: 'index', attestations: true });
    const first = await save([['index', 'docker.io/library/app:1']]);
    const second = await save([['index', 'docker.io/library/app:1']], join(dir, 'y.tar'));
    expect(first.equals(second)).toBe(true);
  });

  it('can be read back, digests and names unchanged', async () => {
    const index = addIndex(source, { as: 'index', attestations: true });
    const image = addImage(source, { as: 'image', docker: true, layers: [[['x', 'x']]] });
    const artifact = addArtifact(source, 'chart');
    await save([
      ['index', 'docker.io/library/app:1'],
      ['index', 'docker.io/library/app:latest'],
      ['image', 'ghcr.io/acme/tool:2'],
      ['chart', 'docker.io/library/chart:1'],
      ['image', ''],
    ]);
    await using archive = await open();
    expect(archive.images().map(({ names, descriptor }) => [descriptor.digest, ...names])).toEqual([
      [index.descriptor.digest, 'docker.io/library/app:1', 'docker.io/library/app:latest'],
      [image.descriptor.digest, 'ghcr.io/acme/tool:2'],
      [artifact.digest, 'docker.io/library/chart:1'],
    ]);
    const back = new MemoryEndpoint();
    await copy(archive, back, 'docker.io/library/app:1', { as: 'back' });
    for (const { layers } of index.images)
      for (const { descriptor } of layers) expect(await back.has(descriptor)).toBe(true);
  });

  it('keeps an index without the platforms that are absent', async () => {
    const index = addIndex(source, { as: 'index' });
    source.remove(index.images[0]!.descriptor.digest);
    await save([['index', 'docker.io/library/app:1']]);
    await using archive = await open();
    expect(archive.images()).toMatchObject([
      { descriptor: { digest: index.descriptor.digest }, ids: [index.images[1]!.config.digest] },
    ]);
  });

  it('takes writes at once and writes them one after the other', async () => {
    await using archive = await createArchive({ path });
    let opened = 0;
    const texts = Array.from({ length: 20 }, (_, number) => `content ${number}`.repeat(1000));
    await Promise.all(
      [...texts, ...texts].map((text) => {
        const { descriptor } = blob(text);
        return archive.write(descriptor, async () => {
          opened += 1;
          expect(opened).toBe(1);
          return {
            forEach: async (consume) => {
              await consume(Buffer.from(text));
              await new Promise((resolve) => setImmediate(resolve));
              opened -= 1;
            },
            cancel: () => undefined,
          };
        });
      }),
    );
    await archive.commit();
    expect((await entries()).filter((name) => name.startsWith('blobs/sha256/') && !name.endsWith('/'))).toHaveLength(
      20,
    );
  });

  it('takes back a blob that fails, and goes on', async () => {
    await using archive = await createArchive({ path });
    const { descriptor, open: good } = blob('whole content');
    await expect(archive.write(descriptor, breaking)).rejects.toThrow('the source broke');
    await expect(archive.write(descriptor, async () => contentOf(Buffer.from('short')))).rejects.toMatchObject({
      code: 'DIGEST_MISMATCH',
    });
    await expect(archive.write(descriptor, async () => contentOf(Buffer.alloc(50)))).rejects.toMatchObject({
      code: 'DIGEST_MISMATCH',
    });
    expect(await archive.has(descriptor)).toBe(false);
    expect(await archive.write(descriptor, good)).toEqual({ outcome: 'copied' });
    expect(await archive.write(descriptor, breaking)).toEqual({ outcome: 'exists' });
    await archive.commit();
    expect((await entries()).filter((name) => name.startsWith('blobs/sha256/'))).toHaveLength(2);
  });

  it('leaves nothing without commit', async () => {
    addImage(source, { as: 'image' });
    {
      await using archive = await createArchive({ path });
      await copy(source, archive, 'image', { as: 'docker.io/library/app:1' });
    }
    expect(await readdir(dir)).toEqual([]);
  });

  it('gives back the manifests it has, and nothing else', async () => {
    const { descriptor, layers } = addImage(source, { as: 'image' });
    await using archive = await createArchive({ path });
    await copy(source, archive, 'image', { as: '' });
    expect(await archive.read(descriptor)).toBeDefined();
    await expect(archive.read(layers[0]!.descriptor)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('may be empty', async () => {
    expect(await save([])).toBeInstanceOf(Buffer);
    await using archive = await open();
    expect(archive.images()).toEqual([]);
  });

  it('stops when it is told to', async () => {
    const stop = new AbortController();
    await using archive = await createArchive({ path }, { signal: stop.signal });
    const { descriptor, open: good } = blob('x');
    stop.abort(new TypeError('stop'));
    await expect(archive.write(descriptor, good)).rejects.toThrow('stop');
    await expect(archive.commit()).rejects.toThrow('stop');
  });

  it('on a stream is what it would be in a file', async () => {
    addImage(source, { as: 'image' });
    const expected = await save([['image', 'docker.io/library/app:1']]);
    const stream = new PassThrough();
    const bytes = buffer(stream);
    await using archive = await createArchive({ stream });
    await copy(source, archive, 'image', { as: 'docker.io/library/app:1', concurrency: 1 });
    await archive.commit();
    stream.end();
    expect((await bytes).equals(expected)).toBe(true);
  });

  it('on a stream cannot go on after a blob failed', async () => {
    const stream = new PassThrough();
    stream.resume();
    await using archive = await createArchive({ stream });
    const { descriptor, open: good } = blob('whole content');
    await expect(archive.write(descriptor, breaking)).rejects.toThrow('the source broke');
    await expect(archive.write(descriptor, good)).rejects.toMatchObject({ code: 'FAILED' });
    await expect(archive.commit()).rejects.toMatchObject({ code: 'FAILED' });
  });
});
