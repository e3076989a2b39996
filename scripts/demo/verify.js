// Is the image that came out the one that went in? Trusts nothing but sha256: from the digest to the manifest, and from
// there to every layer, as files of an OCI image layout.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** @typedef {{ readonly what: string, readonly digest: string, readonly size: number }} Verified */

/**
 * Hashes the manifest with this digest and everything it names. Throws when a file is missing or is not what it is
 * called.
 *
 * @param {string} layout folder
 * @param {string} digest of the manifest
 * @returns {Promise<Verified[]>}
 */
export async function verifyImage(layout, digest) {
  const manifest = await hashed(layout, 'manifest', digest);
  const { config, layers } = JSON.parse(await readFile(blobPath(layout, digest), 'utf8'));
  const parts = [manifest, await hashed(layout, 'config', config.digest)];
  for (const layer of layers) parts.push(await hashed(layout, 'layer', layer.digest));
  const sizes = [undefined, config.size, ...layers.map((/** @type {{ size: number }} */ { size }) => size)];
  for (const [index, { what, size }] of parts.entries()) {
    const wanted = sizes[index] ?? size;
    if (size !== wanted) throw new Error(`the ${what} has ${size} bytes, not ${wanted}`);
  }
  return parts;
}

/**
 * @param {string} layout
 * @param {string} what
 * @param {string} digest
 * @returns {Promise<Verified>}
 */
async function hashed(layout, what, digest) {
  const hash = createHash('sha256');
  let size = 0;
  await pipeline(createReadStream(blobPath(layout, digest)), async (chunks) => {
    for await (const chunk of chunks) {
      hash.update(chunk);
      size += chunk.length;
    }
  });
  const found = `sha256:${hash.digest('hex')}`;
  if (found !== digest) throw new Error(`the ${what} is called ${digest}, but is ${found}`);
  return { what, digest, size };
}

/**
 * @param {string} layout
 * @param {string} digest
 */
function blobPath(layout, digest) {
  return join(layout, 'blobs', ...digest.split(':'));
}
