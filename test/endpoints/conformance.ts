// What must every endpoint do, whatever it keeps its content in?
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Descriptor } from '../../src/spec/descriptor.ts';
import { digestOf } from '../../src/spec/digest.ts';
import { MemoryEndpoint } from '../../src/endpoints/memory.ts';
import { copy } from '../../src/transfer/copy.ts';
import type { Content, Endpoint, Open, Source } from '../../src/transfer/endpoint.ts';
import { reader } from '../../src/transfer/read.ts';
import { collect, contentOf } from '../../src/util/content.ts';
import { addArtifact, addImage, addIndex } from '../helpers/images.ts';

/** An endpoint with nothing in it, and how to be rid of it. */
export interface ConformanceSetup {
  readonly endpoint: Endpoint;
  /** Names that this endpoint can give: two different ones, and one nobody has. */
  readonly names: readonly [first: string, second: string, unknown: string];
  /** Opens the same place again, where it outlives the endpoint. */
  reopen?(): Promise<Endpoint>;
  cleanUp(): Promise<void>;
}

export interface ConformanceOptions {
  /** Registries check manifests against their blobs and cannot hold an index without its manifests. */
  readonly sparse?: boolean | undefined;
}

const LIMIT = 64 * 1024 * 1024;
const BLOB = 'application/octet-stream';

/** Content for which `open` is what copy() would pass: verified on the way. */
function offer(
  bytes: Uint8Array,
  served: () => Content = () => contentOf(bytes),
): { descriptor: Descriptor; open: Open } {
  const descriptor = { mediaType: BLOB, digest: digestOf(bytes), size: bytes.length };
  const source: Source = { name: 'test', resolve: async () => descriptor, read: async () => served() };
  return { descriptor, open: reader(source, descriptor) };
}

function inPieces(...pieces: readonly (Uint8Array | Error)[]): Content {
  return {
    forEach: async (consume) => {
      // One buffer for all chunks, as sources may do.
      const buffer = Buffer.alloc(Math.max(...pieces.map((piece) => (piece instanceof Error ? 0 : piece.length))));
      for (const piece of pieces) {
        if (piece instanceof Error) throw piece;
        buffer.set(piece);
        await consume(buffer.subarray(0, piece.length));
        buffer.fill(0);
      }
    },
    cancel: () => undefined,
  };
}

/** Runs the cases that are the same for every endpoint. Call it inside a test file. */
export function runConformance(
  name: string,
  setUp: () => Promise<ConformanceSetup>,
  options: ConformanceOptions = {},
): void {
  describe(`${name} as an endpoint`, () => {
    let setup: ConformanceSetup;
    let endpoint: Endpoint;
    beforeEach(async () => {
      setup = await setUp();
      endpoint = setup.endpoint;
    });
    afterEach(async () => {
      await endpoint[Symbol.asyncDispose]();
      await setup.cleanUp();
    });
    const read = async (descriptor: Descriptor, range: { start?: number; end?: number } = {}): Promise<Buffer> =>
      collect(await endpoint.read(descriptor, range), LIMIT);

    it('gives back the bytes it was given', async () => {
      const { descriptor, open } = offer(Buffer.from('some bytes'));
      expect(await endpoint.has(descriptor)).toBe(false);
      expect(await endpoint.write(descriptor, open)).toMatchObject({ outcome: 'copied' });
      expect(await endpoint.has(descriptor)).toBe(true);
      expect((await read(descriptor)).toString()).toBe('some bytes');
    });

    it('keeps chunks that their source reuses', async () => {
      const bytes = Buffer.from('first second third ');
      const pieces = [bytes.subarray(0, 6), bytes.subarray(6, 13), bytes.subarray(13)];
      const { descriptor, open } = offer(bytes, () => inPieces(...pieces));
      await endpoint.write(descriptor, open);
      expect((await read(descriptor)).equals(bytes)).toBe(true);
    });

    it('holds content of several chunks and of no bytes at all', async () => {
      const large = Buffer.alloc(3 * 1024 * 1024 + 17, 'abcdefg');
      for (const bytes of [large, Buffer.alloc(0)]) {
        const { descriptor, open } = offer(bytes);
        await endpoint.write(descriptor, open);
        expect(await endpoint.has(descriptor)).toBe(true);
        expect((await read(descriptor)).equals(bytes)).toBe(true);
      }
    });

    it('does not ask for content that it has', async () => {
      const { descriptor, open } = offer(Buffer.from('once'));
      await endpoint.write(descriptor, open);
      const never: Open = async () => expect.fail('it was opened again');
      expect(await endpoint.write(descriptor, never)).toMatchObject({ outcome: 'exists' });
    });

    it('reads a part of the content', async () => {
      const { descriptor, open } = offer(Buffer.from('0123456789'));
      await endpoint.write(descriptor, open);
      expect((await read(descriptor, { start: 3 })).toString()).toBe('3456789');
      expect((await read(descriptor, { start: 3, end: 5 })).toString()).toBe('34');
      expect((await read(descriptor, { start: 0, end: 10 })).toString()).toBe('0123456789');
    });

    it('can read the same content several times at once', async () => {
      const { descriptor, open } = offer(Buffer.from('shared'));
      await endpoint.write(descriptor, open);
      const all = await Promise.all([read(descriptor), read(descriptor), read(descriptor)]);
      expect(all.map(String)).toEqual(['shared', 'shared', 'shared']);
    });

    it('shows nothing of content with another digest', async () => {
      const { descriptor, open } = offer(Buffer.from('right'), () => contentOf(Buffer.from('wrong')));
      await expect(endpoint.write(descriptor, open)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
      expect(await endpoint.has(descriptor)).toBe(false);
      await expect(read(descriptor)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    });

    it.each([
      ['too short', 'righ'],
      ['too long', 'right and more'],
      ['empty', ''],
    ])('shows nothing of content that is %s', async (_, served) => {
      const { descriptor, open } = offer(Buffer.from('right'), () => contentOf(Buffer.from(served)));
      await expect(endpoint.write(descriptor, open)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
      expect(await endpoint.has(descriptor)).toBe(false);
    });

    it('shows nothing of content that breaks off, and takes it afterwards', async () => {
      const bytes = Buffer.from('part one, part two');
      const failure = new TypeError('the source broke');
      const broken = offer(bytes, () => inPieces(bytes.subarray(0, 8), failure));
      await expect(endpoint.write(broken.descriptor, broken.open)).rejects.toBe(failure);
      expect(await endpoint.has(broken.descriptor)).toBe(false);
      const whole = offer(bytes);
      expect(await endpoint.write(whole.descriptor, whole.open)).toMatchObject({ outcome: 'copied' });
      expect((await read(whole.descriptor)).equals(bytes)).toBe(true);
    });

    it('shows nothing of content that cannot be opened', async () => {
      const { descriptor } = offer(Buffer.from('never'));
      const failure = new TypeError('no such content');
      await expect(endpoint.write(descriptor, () => Promise.reject(failure))).rejects.toBe(failure);
      expect(await endpoint.has(descriptor)).toBe(false);
    });

    it('takes the same content from several writers at once', async () => {
      const bytes = Buffer.alloc(300_000, 'same');
      const { descriptor } = offer(bytes);
      const writes = Array.from({ length: 5 }, () => endpoint.write(descriptor, offer(bytes).open));
      const outcomes = (await Promise.all(writes)).map(({ outcome }) => outcome);
      expect(outcomes).toContain('copied');
      expect((await read(descriptor)).equals(bytes)).toBe(true);
    });

    it('lets another writer of the same content succeed when the first one fails', async () => {
      const bytes = Buffer.alloc(100_000, 'same');
      const failure = new TypeError('the source broke');
      const broken = offer(bytes, () => inPieces(bytes.subarray(0, 1000), failure));
      const [first, second] = await Promise.allSettled([
        endpoint.write(broken.descriptor, broken.open),
        endpoint.write(broken.descriptor, offer(bytes).open),
      ]);
      expect(first).toMatchObject({ status: 'rejected', reason: failure });
      expect(second.status).toBe('fulfilled');
      expect((await read(broken.descriptor)).equals(bytes)).toBe(true);
    });

    it('says NOT_FOUND for content and names that it does not have', async () => {
      const { descriptor } = offer(Buffer.from('absent'));
      await expect(read(descriptor)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(endpoint.resolve(setup.names[2])).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(endpoint.resolve(descriptor.digest)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    });

    it('copies an image and resolves it by name and by digest', async () => {
      const source = new MemoryEndpoint();
      const { descriptor, layers } = addImage(source, { as: 'image' });
      await copy(source, endpoint, 'image', { as: setup.names[0] });
      const { mediaType, digest, size } = descriptor;
      expect(await endpoint.resolve(setup.names[0])).toMatchObject({ mediaType, digest, size });
      expect(await endpoint.resolve(digest)).toMatchObject({ mediaType, digest, size });
      for (const layer of layers) expect((await read(layer.descriptor)).equals(layer.blob)).toBe(true);
    });

    it('gives the name last: a copy that fails leaves none', async () => {
      const source = new MemoryEndpoint();
      const { layers } = addImage(source, { as: 'image' });
      source.remove(layers[1]!.descriptor.digest);
      await expect(copy(source, endpoint, 'image', { as: setup.names[0] })).rejects.toMatchObject({
        code: 'NOT_FOUND',
      });
      await expect(endpoint.resolve(setup.names[0])).rejects.toMatchObject({ code: 'NOT_FOUND' });
    });

    it('moves a name to the image that got it last', async () => {
      const source = new MemoryEndpoint();
      addImage(source, { as: 'old' });
      const { descriptor } = addImage(source, { as: 'new', layers: [[['new.txt', 'new']]] });
      await copy(source, endpoint, 'old', { as: setup.names[0] });
      await copy(source, endpoint, 'new', { as: setup.names[0] });
      expect(await endpoint.resolve(setup.names[0])).toMatchObject({ digest: descriptor.digest });
    });

    it('keeps two names apart, also for the same image', async () => {
      const source = new MemoryEndpoint();
      const { descriptor } = addImage(source, { as: 'image' });
      const other = addImage(source, { as: 'other', layers: [[['other.txt', 'other']]] });
      await copy(source, endpoint, 'image', { as: setup.names[0] });
      await copy(source, endpoint, 'image', { as: setup.names[1] });
      expect(await endpoint.resolve(setup.names[1])).toMatchObject({ digest: descriptor.digest });
      await copy(source, endpoint, 'other', { as: setup.names[1] });
      expect(await endpoint.resolve(setup.names[0])).toMatchObject({ digest: descriptor.digest });
      expect(await endpoint.resolve(setup.names[1])).toMatchObject({ digest: other.descriptor.digest });
    });

    it('copies an index with attestations byte for byte', async () => {
      const source = new MemoryEndpoint();
      const { descriptor, bytes } = addIndex(source, { as: 'index', attestations: true });
      await copy(source, endpoint, 'index', { as: setup.names[0] });
      expect((await read(await endpoint.resolve(setup.names[0]))).equals(bytes)).toBe(true);
      expect(await endpoint.has(descriptor)).toBe(true);
    });

    it('copies what is no image', async () => {
      const source = new MemoryEndpoint();
      const { digest } = addArtifact(source, 'chart');
      await copy(source, endpoint, 'chart', { as: setup.names[0] });
      expect(await endpoint.resolve(setup.names[0])).toMatchObject({ digest });
    });

    it('can be copied from', async () => {
      const source = new MemoryEndpoint();
      const { descriptor } = addIndex(source, { as: 'index' });
      await copy(source, endpoint, 'index', { as: setup.names[0] });
      const back = new MemoryEndpoint();
      const result = await copy(endpoint, back, setup.names[0], { as: 'back' });
      expect(result.descriptor.digest).toBe(descriptor.digest);
      expect(await back.resolve('back')).toMatchObject({ digest: descriptor.digest });
    });

    it('still has everything when it is opened again', async () => {
      if (!setup.reopen) return;
      const source = new MemoryEndpoint();
      const { descriptor } = addImage(source, { as: 'image' });
      await copy(source, endpoint, 'image', { as: setup.names[0] });
      await endpoint[Symbol.asyncDispose]();
      endpoint = await setup.reopen();
      expect(await endpoint.resolve(setup.names[0])).toMatchObject({ digest: descriptor.digest });
      expect((await read(descriptor)).length).toBe(descriptor.size);
    });

    it.runIf(options.sparse === true)('holds an index without all of its manifests', async () => {
      const source = new MemoryEndpoint();
      const { descriptor, images } = addIndex(source, { as: 'index' });
      source.remove(images[1]!.descriptor.digest);
      await copy(source, endpoint, 'index', { as: setup.names[0], available: true, keepIndex: true });
      expect(await endpoint.resolve(setup.names[0])).toMatchObject({ digest: descriptor.digest });
      expect(await endpoint.has(images[0]!.descriptor)).toBe(true);
      expect(await endpoint.has(images[1]!.descriptor)).toBe(false);
    });
  });
}
