// Which image is moved through the faults, and how does a registry get it?
import { randomBytes, seededRandom } from '../helpers/random.ts';
import { MemoryEndpoint } from '../../src/endpoints/memory.ts';
import { buildImageConfig, buildManifest } from '../../src/spec/build.ts';
import type { Descriptor } from '../../src/spec/descriptor.ts';
import { digestOf } from '../../src/spec/digest.ts';
import { MEDIA_TYPES } from '../../src/spec/media-types.ts';

export interface TestImage {
  readonly manifest: Buffer;
  readonly digest: string;
  readonly config: Blob;
  readonly layers: readonly Blob[];
  /** The largest layer, where most faults happen. */
  readonly big: Blob;
  readonly blobs: readonly Blob[];
}

interface Blob {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

const KIB = 1024;

/** Two small layers and a big one of so many bytes; none compresses. The same seed gives the same image. */
export function testImage(big: number, seed = 1): TestImage {
  const random = seededRandom(seed);
  const layers = [64 * KIB, 300 * KIB, big].map((size) => blobOf(randomBytes(random, size), MEDIA_TYPES.ociLayerGzip));
  const diffIds = layers.map(({ descriptor }) => descriptor.digest);
  const platform = { os: 'linux', architecture: 'amd64' };
  const config = blobOf(Buffer.from(buildImageConfig({ platform, diffIds })), MEDIA_TYPES.ociConfig);
  const manifest = Buffer.from(
    buildManifest({ config: config.descriptor, layers: layers.map(({ descriptor }) => descriptor) }),
  );
  return { manifest, digest: digestOf(manifest), config, layers, big: layers[2]!, blobs: [config, ...layers] };
}

function blobOf(bytes: Buffer, mediaType: string): Blob {
  return { bytes, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length } };
}

/** Brings it to a registry by the plain protocol. */
export async function publish(host: string, repository: string, image: TestImage, tag = '1'): Promise<void> {
  const base = `http://${host}/v2/${repository}`;
  for (const { bytes, descriptor } of image.blobs) {
    const started = await fetch(`${base}/blobs/uploads/`, { method: 'POST' });
    const location = new URL(started.headers.get('location') ?? '', base);
    location.searchParams.set('digest', descriptor.digest);
    await expectCreated(await fetch(location, { method: 'PUT', body: new Uint8Array(bytes) }));
  }
  const headers = { 'content-type': MEDIA_TYPES.ociManifest };
  const body = new Uint8Array(image.manifest);
  await expectCreated(await fetch(`${base}/manifests/${tag}`, { method: 'PUT', headers, body }));
}

async function expectCreated(response: Response): Promise<void> {
  const text = await response.text();
  if (response.status !== 201) throw new Error(`the registry answered ${response.status}: ${text}`);
}

/** The image under a name, as a source for copies. */
export function inMemory(image: TestImage, name: string): MemoryEndpoint {
  const memory = new MemoryEndpoint('the image of the test');
  for (const { bytes, descriptor } of image.blobs) memory.add(bytes, descriptor.mediaType);
  memory.add(image.manifest, MEDIA_TYPES.ociManifest, name);
  return memory;
}

/** What of the image a registry has: undefined for a tag that is not there; throws where something is missing or wrong. */
export async function published(host: string, name: string, image: TestImage): Promise<string | undefined> {
  const base = `http://${host}/v2/${name.replace(/:.*/, '')}`;
  const tag = name.replace(/.*:/, '');
  const response = await fetch(`${base}/manifests/${tag}`, { headers: { accept: MEDIA_TYPES.ociManifest } });
  const bytes = Buffer.from(await response.arrayBuffer());
  if (response.status === 404) return undefined;
  for (const { descriptor } of image.blobs) {
    const blob = await fetch(`${base}/blobs/${descriptor.digest}`);
    const digest = digestOf(Buffer.from(await blob.arrayBuffer()));
    if (digest !== descriptor.digest)
      throw new Error(`${name} is there, but of ${descriptor.digest} there is ${digest}`);
  }
  return digestOf(bytes);
}
