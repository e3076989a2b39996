// Does a registry's directory keep its promises: is every blob what its name says, and does every manifest find its parts?
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { openRegistryDir, type RegistryDir } from '../../src/server/disk/registry-dir.ts';
import { childrenOf, parseManifest } from '../../src/spec/manifest.ts';

export interface Audit {
  /** Content whose bytes do not have the digest of its name. */
  readonly corrupt: readonly string[];
  /** `repository@digest misses digest`. */
  readonly incomplete: readonly string[];
  /** Tags whose manifest is not there. */
  readonly dangling: readonly string[];
  readonly manifests: number;
  readonly blobs: number;
}

/** Reads everything. The directory must not be served meanwhile. */
export async function auditRegistry(dir: string): Promise<Audit> {
  const contents = await filesBelow(join(dir, 'blobs'));
  const corrupt: string[] = [];
  for (const path of contents) {
    const [algorithm = '', , encoded = ''] = relative(join(dir, 'blobs'), path).split(sep);
    const hash = createHash(algorithm);
    await pipeline(createReadStream(path), hash);
    if (hash.digest('hex') !== encoded) corrupt.push(path);
  }
  await using registry = await openRegistryDir(dir, { readOnly: true });
  const incomplete: string[] = [];
  const dangling: string[] = [];
  let manifests = 0;
  for (const repository of await registry.repositories()) {
    for (const tag of (await registry.tags(repository)) ?? []) {
      if (!(await registry.manifest(repository, tag))) dangling.push(`${repository}:${tag}`);
    }
    for (const digest of await manifestsOf(dir, repository)) {
      manifests += 1;
      incomplete.push(...(await missingParts(registry, repository, digest)));
    }
  }
  return { corrupt, incomplete, dangling, manifests, blobs: contents.length };
}

async function missingParts(registry: RegistryDir, repository: string, digest: string): Promise<string[]> {
  const found = await registry.manifest(repository, digest);
  if (!found) return [`${repository}@${digest} misses itself`];
  const missing: string[] = [];
  for (const { descriptor } of childrenOf(parseManifest(await found.bytes(), found.mediaType))) {
    const there =
      (await registry.blob(repository, descriptor.digest)) ?? (await registry.manifest(repository, descriptor.digest));
    if (there?.size !== descriptor.size) missing.push(`${repository}@${digest} misses ${descriptor.digest}`);
  }
  return missing;
}

async function manifestsOf(dir: string, repository: string): Promise<string[]> {
  const files = await filesBelow(join(dir, 'repositories', ...repository.split('/'), '_manifests'));
  return files.flatMap((path) => {
    const [encoded = '', algorithm = ''] = path.split(sep).toReversed();
    return /^[a-f0-9]+$/.test(encoded) ? [`${algorithm}:${encoded}`] : [];
  });
}

async function filesBelow(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
