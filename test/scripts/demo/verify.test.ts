import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { verifyImage } from '../../../scripts/demo/verify.js';
import { digestOf } from '../../../src/spec/digest.ts';

describe('the proof that an image is whole', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'hubctl-verify-'));
    await mkdir(join(dir, 'blobs/sha256'), { recursive: true });
  });
  afterEach(() => rm(dir, { recursive: true }));

  const pathOf = (digest: string): string => join(dir, 'blobs', digest.replace(':', '/'));
  const add = async (text: string): Promise<{ digest: string; size: number }> => {
    const digest = digestOf(Buffer.from(text));
    await writeFile(pathOf(digest), text);
    return { digest, size: text.length };
  };
  const image = async (wrongSize = 0): Promise<{ digest: string; layer: string }> => {
    const config = await add('{}');
    const layer = await add('layer');
    const manifest = { config, layers: [{ ...layer, size: layer.size + wrongSize }] };
    return { digest: (await add(JSON.stringify(manifest))).digest, layer: layer.digest };
  };

  test('names every part with its size', async () => {
    const { digest, layer } = await image();
    expect(await verifyImage(dir, digest)).toEqual([
      { what: 'manifest', digest, size: expect.any(Number) as number },
      { what: 'config', digest: digestOf(Buffer.from('{}')), size: 2 },
      { what: 'layer', digest: layer, size: 5 },
    ]);
  });

  test('fails when a layer has other bytes', async () => {
    const { digest, layer } = await image();
    await writeFile(pathOf(layer), 'Layer');
    await expect(verifyImage(dir, digest)).rejects.toThrow(`the layer is called ${layer}, but is sha256:`);
  });

  test('fails when the manifest has other bytes', async () => {
    const { digest } = await image();
    await writeFile(pathOf(digest), '{"config":{},"layers":[]}');
    await expect(verifyImage(dir, digest)).rejects.toThrow('the manifest is called');
  });

  test('fails when a layer is missing', async () => {
    const { digest, layer } = await image();
    await rm(pathOf(layer));
    await expect(verifyImage(dir, digest)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('fails when the manifest is wrong about a size', async () => {
    const { digest } = await image(1);
    await expect(verifyImage(dir, digest)).rejects.toThrow('the layer has 5 bytes, not 6');
  });
});
