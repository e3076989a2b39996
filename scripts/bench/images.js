// Which images are pulled and pushed? Made by code out of a seed: incompressible, and the same bytes on every machine.
import { createCipheriv, createHash } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createGzip } from 'node:zlib';

export const KIB = 1024;
export const MIB = 1024 * KIB;

/**
 * @typedef {{ layers: number, layerSize: number }} Shape
 * @typedef {{ mediaType: string, digest: string, size: number }} Descriptor
 * @typedef {{ name: string, folder: string, manifest: Descriptor, blobs: Descriptor[] }} Image an OCI layout, tag `latest`
 */

/** @type {Readonly<Record<string, Shape>>} */
export const SHAPES = {
  tiny: { layers: 1, layerSize: 3 * MIB },
  wide: { layers: 120, layerSize: 64 * KIB },
  many: { layers: 20, layerSize: 5 * MIB },
  mid: { layers: 3, layerSize: 64 * MIB },
  big: { layers: 3, layerSize: 400 * MIB },
  smoke: { layers: 5, layerSize: 32 * KIB },
};

const PIECE = 4 * MIB;

/**
 * Writes an image as an OCI layout.
 *
 * @param {string} name also the seed
 * @param {Shape} shape
 * @param {string} folder
 * @returns {Promise<Image>}
 */
export async function makeImage(name, shape, folder) {
  const blobsFolder = join(folder, 'blobs/sha256');
  await mkdir(blobsFolder, { recursive: true });
  const layers = [];
  for (let index = 0; index < shape.layers; index++) {
    layers.push(await writeLayer(blobsFolder, `${name}/${index}`, shape.layerSize));
  }
  const config = await writeJson(blobsFolder, 'application/vnd.oci.image.config.v1+json', {
    architecture: 'amd64',
    os: 'linux',
    config: { Cmd: ['/bin/sh'] },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map((_, index) => ({ created_by: `layer ${index}` })),
  });
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const descriptors = layers.map(({ descriptor }) => descriptor);
  const manifest = await writeJson(blobsFolder, mediaType, {
    schemaVersion: 2,
    mediaType,
    config,
    layers: descriptors,
  });
  const annotations = { 'org.opencontainers.image.ref.name': 'latest' };
  const platform = { architecture: 'amd64', os: 'linux' };
  const index = { schemaVersion: 2, manifests: [{ ...manifest, platform, annotations }] };
  await writeFile(join(folder, 'index.json'), JSON.stringify(index));
  await writeFile(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  return { name, folder, manifest, blobs: [...descriptors, config] };
}

/**
 * One file in a tar in a gzip of stored blocks: noise does not get smaller, and trying takes minutes.
 *
 * @param {string} folder
 * @param {string} seed
 * @param {number} size of the file
 */
async function writeLayer(folder, seed, size) {
  const unfinished = join(folder, 'unfinished');
  const [diffHash, hash] = [createHash('sha256'), createHash('sha256')];
  const gzip = createGzip({ level: 0, chunkSize: MIB });
  const file = createWriteStream(unfinished);
  let written = 0;
  gzip.on('data', (/** @type {Buffer} */ chunk) => {
    hash.update(chunk);
    written += chunk.length;
  });
  gzip.pipe(file);
  const done = once(file, 'finish');
  for (const piece of tarPieces(seed, size)) {
    diffHash.update(piece);
    if (!gzip.write(piece)) await once(gzip, 'drain');
  }
  gzip.end();
  await done;
  const hex = hash.digest('hex');
  await rename(unfinished, join(folder, hex));
  return {
    diffId: `sha256:${diffHash.digest('hex')}`,
    descriptor: {
      mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
      digest: `sha256:${hex}`,
      size: written,
    },
  };
}

/**
 * @param {string} seed
 * @param {number} size
 */
function* tarPieces(seed, size) {
  yield tarHeader('noise', size);
  const key = createHash('sha256').update(seed).digest();
  const noise = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
  const zeros = Buffer.alloc(PIECE);
  for (let left = size; left > 0; left -= PIECE) yield noise.update(zeros.subarray(0, Math.min(left, PIECE)));
  yield Buffer.alloc(((512 - (size % 512)) % 512) + 1024);
}

/**
 * @param {string} name
 * @param {number} size
 */
function tarHeader(name, size) {
  const block = Buffer.alloc(512);
  block.write(name);
  /** @type {[string, number][]} */
  const fields = [
    ['0000644', 100],
    ['0000000', 108],
    ['0000000', 116],
    [size.toString(8).padStart(11, '0'), 124],
    ['00000000000', 136],
    [' '.repeat(8), 148],
    ['0', 156],
    ['ustar', 257],
    ['00', 263],
  ];
  for (const [text, offset] of fields) block.write(text, offset);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

/**
 * @param {string} folder
 * @param {string} mediaType
 * @param {object} value
 * @returns {Promise<Descriptor>}
 */
async function writeJson(folder, mediaType, value) {
  const bytes = Buffer.from(JSON.stringify(value));
  const hex = createHash('sha256').update(bytes).digest('hex');
  await writeFile(join(folder, hex), bytes);
  return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
}
