import { describe, expect, onTestFinished, test } from 'vitest';
import { openRegistryDir, type RegistryDir } from '../../src/server/disk/registry-dir.ts';
import { ProxyContents, type ProxyOptions } from '../../src/server/proxy.ts';
import { wireAnswer } from '../../src/server/wire.ts';
import { digestOf } from '../../src/spec/digest.ts';
import type { ReadOptions } from '../../src/transfer/endpoint.ts';
import { collect } from '../../src/util/content.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { folder } from '../helpers/folder.ts';
import type { RegistryOptions } from '../helpers/registry.ts';
import { makeImage, noise, seedImage, type TestImage } from '../helpers/registry-images.ts';
import { newUpstream, type TestUpstream } from '../helpers/upstream.ts';

const SIZE = 3_000_000;
const bytes = noise('proxied', SIZE);
const digest = digestOf(bytes);

interface Place {
  readonly contents: ProxyContents;
  readonly dir: RegistryDir;
  readonly upstream: TestUpstream;
  readonly warnings: string[];
  read(repository: string, wanted: string, range?: ReadOptions): Promise<Buffer>;
}

async function place(options: Partial<ProxyOptions> & { upstreamOptions?: RegistryOptions } = {}): Promise<Place> {
  const { upstreamOptions, ...rest } = options;
  const dir = await openRegistryDir(folder());
  onTestFinished(() => dir[Symbol.asyncDispose]());
  const upstream = await newUpstream(upstreamOptions);
  upstream.registry.contents.putBlob('a', bytes);
  const warnings: string[] = [];
  const contents = new ProxyContents({ dir, upstream, onWarning: (text) => warnings.push(text), ...rest });
  return {
    contents,
    dir,
    upstream,
    warnings,
    read: async (repository, wanted, range = {}) => {
      const blob = await contents.blob(repository, wanted);
      if (!blob) throw new Error('there is no such blob');
      return collect(await blob.open(range), SIZE);
    },
  };
}

function publish({ upstream }: Place, tag: string, seed: string): TestImage {
  const image = makeImage({ layers: [100], seed });
  seedImage(upstream.registry.contents, 'a', image, tag);
  return image;
}

function countOf({ upstream }: Place, method: string, path: string): number {
  return upstream.registry.requests({ method, path }).length;
}

/** Resolves when the blob is stored, or nobody fetches it any more. */
async function settled({ dir, warnings }: Place): Promise<void> {
  while (warnings.length === 0 && !(await dir.blob('a', digest))) await new Promise((resolve) => setImmediate(resolve));
}

describe('blobs', () => {
  test('are fetched once for twenty readers at the same time, and not again', async () => {
    const here = await place();
    const all = await Promise.all(Array.from({ length: 20 }, () => here.read('a', digest)));
    for (const one of all) expect(one.equals(bytes)).toBe(true);
    await settled(here);
    expect((await here.read('a', digest)).equals(bytes)).toBe(true);
    expect(countOf(here, 'GET', `/blobs/${digest}`)).toBe(1);
    expect(here.warnings).toEqual([]);
  });

  test('are served while the upstream is down, once they are here', async () => {
    const here = await place();
    await here.read('a', digest);
    await settled(here);
    await here.upstream.stop();
    expect((await here.read('a', digest)).equals(bytes)).toBe(true);
  });

  test('that break midway go on where they stopped', async () => {
    const here = await place();
    here.upstream.registry.fail({ method: 'GET', path: '/blobs/', nth: 1 }, { closeAfter: 1_000_000 });
    expect((await here.read('a', digest)).equals(bytes)).toBe(true);
    const ranges = here.upstream.registry
      .requests({ method: 'GET', path: '/blobs/' })
      .map(({ headers }) => headers.range);
    expect(ranges).toEqual([undefined, 'bytes=1000000-2999999']);
  });

  test('of wrong bytes are never given whole, and never kept', async () => {
    const here = await place();
    const wrong = digestOf('something else');
    here.upstream.registry.contents.putBlob('a', bytes, wrong);
    const blob = await here.contents.blob('a', wrong);
    let got = 0;
    const error = await hubErrorFrom(async () =>
      (await blob?.open())?.forEach((chunk) => {
        got += chunk.length;
      }),
    );
    expect(error.code).toBe('DIGEST_MISMATCH');
    expect(got).toBeLessThan(SIZE);
    expect(await here.dir.blob('a', wrong)).toBeUndefined();
    expect(here.warnings.join('\n')).toContain(wrong);
  });

  test('are read in part while the rest still arrives', async () => {
    const here = await place();
    here.upstream.registry.fail({ method: 'GET', path: '/blobs/' }, { stallAfter: 2_000_000 });
    const part = await here.read('a', digest, { start: 1000, end: 1_000_000 });
    expect(part.equals(bytes.subarray(1000, 1_000_000))).toBe(true);
    expect(await here.dir.blob('a', digest)).toBeUndefined();
  });

  test('that the upstream does not have are not there', async () => {
    const here = await place();
    expect(await here.contents.blob('a', digestOf('unknown'))).toBeUndefined();
    expect(await here.contents.blob('unknown', digest)).toBeUndefined();
  });

  test('that cannot be asked for are a failure of the upstream, which is not remembered', async () => {
    const here = await place();
    await here.upstream.stop();
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const answer = wireAnswer(await hubErrorFrom(() => here.contents.blob('a', digest)));
      expect([answer.status, answer.body]).toEqual([
        502,
        expect.stringContaining(`${here.upstream.name} could not be asked`),
      ]);
    }
  });
});

describe('manifests', () => {
  test('are fetched once for twenty clients at the same time', async () => {
    const here = await place();
    const image = publish(here, '1', 'one');
    const all = await Promise.all(Array.from({ length: 20 }, () => here.contents.manifest('a', '1')));
    for (const one of all) expect(one?.digest).toBe(image.manifest.digest);
    expect((await all[0]?.bytes())?.equals(image.manifest.bytes)).toBe(true);
    expect(countOf(here, 'GET', '/manifests/')).toBe(1);
  });

  test('by digest are asked for once and for all', async () => {
    const here = await place({ freshness: 0 });
    const image = publish(here, '1', 'one');
    for (let round = 0; round < 3; round += 1) {
      expect((await here.contents.manifest('a', image.manifest.digest))?.mediaType).toBe(image.manifest.mediaType);
    }
    expect(countOf(here, 'GET', '/manifests/')).toBe(1);
    expect(countOf(here, 'HEAD', '/manifests/')).toBe(0);
  });

  test('of a tag follow it when it moves, by a HEAD for each question', async () => {
    const here = await place({ freshness: -1 });
    const first = publish(here, '1', 'one');
    expect((await here.contents.manifest('a', '1'))?.digest).toBe(first.manifest.digest);
    expect((await here.contents.manifest('a', '1'))?.digest).toBe(first.manifest.digest);
    expect([countOf(here, 'GET', '/manifests/'), countOf(here, 'HEAD', '/manifests/')]).toEqual([1, 1]);
    const second = publish(here, '1', 'two');
    expect((await here.contents.manifest('a', '1'))?.digest).toBe(second.manifest.digest);
    expect((await here.dir.manifest('a', '1'))?.digest).toBe(second.manifest.digest);
  });

  test('of a tag that was just asked for need no question', async () => {
    const here = await place();
    const first = publish(here, '1', 'one');
    await here.contents.manifest('a', '1');
    publish(here, '1', 'two');
    expect((await here.contents.manifest('a', '1'))?.digest).toBe(first.manifest.digest);
  });

  test('of a tag that the upstream took away are gone', async () => {
    const here = await place({ freshness: -1 });
    publish(here, '1', 'one');
    await here.contents.manifest('a', '1');
    here.upstream.registry.contents.deleteManifest('a', '1');
    expect(await here.contents.manifest('a', '1')).toBeUndefined();
  });

  test('are what they were last while the upstream is down, which is told', async () => {
    const here = await place({ freshness: -1 });
    const image = publish(here, '1', 'one');
    await here.contents.manifest('a', '1');
    await here.upstream.stop();
    for (let round = 0; round < 3; round += 1) {
      expect((await here.contents.manifest('a', '1'))?.digest).toBe(image.manifest.digest);
    }
    // Once is enough: for a while it is not even asked.
    expect(here.warnings).toEqual([expect.stringContaining('a:1 is answered from what is here')]);
  });

  test('that are not here while the upstream is down are a failure of the upstream', async () => {
    const here = await place();
    await here.upstream.stop();
    expect(wireAnswer(await hubErrorFrom(() => here.contents.manifest('a', '1'))).status).toBe(502);
  });

  test('that were pushed here are what counts, whatever the upstream says', async () => {
    const here = await place({ freshness: -1 });
    publish(here, '1', 'one');
    const own = Buffer.from('{"own":true}');
    const descriptor = { mediaType: 'application/x', digest: digestOf(own), size: own.length };
    await here.dir.putManifest('a', { descriptor, bytes: own, tags: ['1'] });
    expect((await here.contents.manifest('a', '1'))?.digest).toBe(descriptor.digest);
    expect(here.upstream.registry.log).toEqual([]);
  });

  test('that the upstream does not have are not there', async () => {
    const here = await place();
    expect(await here.contents.manifest('a', 'unknown')).toBeUndefined();
    expect(await here.contents.manifest('a', digestOf('unknown'))).toBeUndefined();
  });
});

describe('lists', () => {
  test('of tags are those of here and there', async () => {
    const here = await place();
    publish(here, 'there', 'one');
    const own = Buffer.from('{}');
    await here.dir.putManifest('a', {
      descriptor: { mediaType: 'x', digest: digestOf(own) },
      bytes: own,
      tags: ['here'],
    });
    expect((await here.contents.tags('a'))?.toSorted()).toEqual(['here', 'there']);
    expect(await here.contents.tags('unknown')).toBeUndefined();
    await here.upstream.stop();
    expect(await here.contents.tags('a')).toEqual(['here']);
    expect(wireAnswer(await hubErrorFrom(() => here.contents.tags('unknown'))).status).toBe(502);
  });

  test('of referrers too', async () => {
    const here = await place({ upstreamOptions: { referrers: true } });
    const image = publish(here, '1', 'one');
    const subject = { mediaType: image.manifest.mediaType, digest: image.manifest.digest, size: image.manifest.size };
    const signature = Buffer.from(JSON.stringify({ schemaVersion: 2, subject, artifactType: 'a/b' }));
    here.upstream.registry.contents.putManifest('a', { mediaType: image.manifest.mediaType, bytes: signature });
    expect((await here.contents.referrers('a', subject.digest)).map((entry) => entry.digest)).toEqual([
      digestOf(signature),
    ]);
    await here.upstream.stop();
    expect(await here.contents.referrers('a', subject.digest)).toEqual([]);
    expect(here.warnings.join()).toContain(`referrers of a@${subject.digest}`);
  });

  test('of repositories are what is here', async () => {
    const here = await place();
    publish(here, '1', 'one');
    expect(await here.contents.repositories()).toEqual([]);
    await here.contents.manifest('a', '1');
    expect(await here.contents.repositories()).toEqual(['a']);
  });
});

describe('an upstream that refuses', () => {
  test('the account of this registry is told as no right', async () => {
    const here = await place({ upstreamOptions: { auth: 'basic' } });
    for (const work of [() => here.contents.blob('a', digest), () => here.contents.manifest('a', '1')]) {
      const answer = wireAnswer(await hubErrorFrom(work));
      expect([answer.status, answer.body]).toEqual([403, expect.stringContaining('DENIED')]);
    }
  });

  test('for a while is told as such', async () => {
    const here = await place();
    here.upstream.registry.fail({ path: '/manifests/', times: 100 }, { status: 429 });
    const answer = wireAnswer(await hubErrorFrom(() => here.contents.manifest('a', '1')));
    expect([answer.status, answer.body]).toEqual([429, expect.stringContaining('TOOMANYREQUESTS')]);
  });
});
