// What do the bytes of a manifest or an index say, and what do they refer to?
import { HubError } from '../errors.ts';
import { isRecord, parseJson } from '../util/json.ts';
import { parseDescriptor, stringMap, type Descriptor } from './descriptor.ts';
import { isDigest } from './digest.ts';
import { isConfigType, isIndexType, isManifestType, isSchema1Type, MEDIA_TYPES } from './media-types.ts';

/** Bytes; the size that every registry has to accept [OCI distribution-spec, Pushing Manifests]. */
export const MANIFEST_LIMIT: number = 4 * 1024 * 1024;
const DESCRIPTOR_LIMIT = 100_000;

/**
 * A manifest without regard to its generation. `mediaType` is what was announced, if that is known, else what the body
 * says or looks like. An artifact manifest has its blobs as `layers`. Schema 1 names no sizes, so it has no `layers`.
 */
export interface Manifest {
  readonly kind: 'image' | 'index' | 'artifact' | 'schema1';
  readonly mediaType: string;
  readonly config?: Descriptor | undefined;
  readonly layers: readonly Descriptor[];
  /** Entries of an index, in its order, which decides between equals. */
  readonly manifests: readonly Descriptor[];
  readonly subject?: Descriptor | undefined;
  readonly artifactType?: string | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** Content that has to be there before what refers to it. */
export interface Child {
  readonly descriptor: Descriptor;
  readonly kind: 'index' | 'manifest' | 'config' | 'layer' | 'blob';
}

/**
 * Reads a manifest or index of at most 4 MiB; `mediaType` is how it was announced, parameters allowed. Unknown fields
 * and media types of content are no error. Throws CONTENT_INVALID for anything that is no JSON object of the right
 * schemaVersion, that two clients could read differently (CVE-2021-41190), or that has bad descriptors or over 100,000;
 * UNSUPPORTED for a document of another kind.
 */
export function parseManifest(bytes: Uint8Array, mediaType?: string): Manifest {
  if (bytes.length > MANIFEST_LIMIT) {
    throw invalid(`manifest is larger than ${MANIFEST_LIMIT} bytes`, { size: bytes.length });
  }
  const body = parseBody(bytes);
  const announced = mediaType?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  const type = typeOf(body, announced);
  const kind = kindOf(type);
  refuseAmbiguous(body, type, kind);
  checkVersion(body, type, kind);
  if (kind === 'schema1') return schema1(body, type);
  const common = {
    kind,
    mediaType: type,
    subject: isPresent(body['subject']) ? parseDescriptor(body['subject'], 'manifest subject') : undefined,
    artifactType: typeof body['artifactType'] === 'string' ? body['artifactType'] : undefined,
    annotations: stringMap(body['annotations']),
  };
  if (kind === 'index') return { ...common, layers: [], manifests: descriptors(body, 'manifests') };
  if (kind === 'artifact') return { ...common, layers: descriptors(body, 'blobs'), manifests: [] };
  const config = parseDescriptor(body['config'], 'manifest config');
  return { ...common, config, layers: descriptors(body, 'layers'), manifests: [] };
}

/** What a manifest refers to, in the order of the document. The subject is not a child: it may be missing. */
export function childrenOf(manifest: Manifest): readonly Child[] {
  const config = manifest.config ? [{ descriptor: manifest.config, kind: 'config' } as const] : [];
  const kind = manifest.kind === 'artifact' ? 'blob' : 'layer';
  return [
    ...config,
    ...manifest.layers.map((descriptor) => ({ descriptor, kind }) as const),
    ...manifest.manifests.map((descriptor) => ({ descriptor, kind: entryKind(descriptor.mediaType) })),
  ];
}

/** The media type of bytes that came without one: what the body says, else what its fields tell. Never throws. */
export function sniffManifestType(bytes: Uint8Array): string | undefined {
  if (bytes.length > MANIFEST_LIMIT) return undefined;
  try {
    return sniff(parseBody(bytes));
  } catch (error) {
    if (HubError.is(error)) return undefined;
    throw error;
  }
}

type Body = Readonly<Record<string, unknown>>;

function parseBody(bytes: Uint8Array): Body {
  const body = parseJson(decode(bytes), 'manifest');
  if (!isRecord(body)) throw invalid('manifest is not a JSON object');
  return body;
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new HubError('CONTENT_INVALID', 'manifest is not UTF-8 text', { cause: error });
  }
}

function typeOf(body: Body, announced: string): string {
  const declared = body['mediaType'];
  const isDeclared = typeof declared === 'string' && isManifestType(declared);
  if (isManifestType(announced)) {
    if (!isDeclared || declared === announced) return announced;
    throw invalid(`manifest says it is ${declared} but was announced as ${announced}`, { declared, announced });
  }
  const type = sniff(body);
  if (type !== undefined) return type;
  const name = typeof declared === 'string' && declared !== '' ? declared : announced;
  throw new HubError(
    'UNSUPPORTED',
    `content${name === '' ? '' : ` of type ${name}`} is neither an image manifest nor an index`,
    {
      details: { mediaType: name },
    },
  );
}

function sniff(body: Body): string | undefined {
  const declared = body['mediaType'];
  if (typeof declared === 'string' && isManifestType(declared)) return declared;
  if (Array.isArray(body['fsLayers'])) {
    return isPresent(body['signatures']) ? MEDIA_TYPES.dockerSchema1Signed : MEDIA_TYPES.dockerSchema1;
  }
  if (Array.isArray(body['manifests'])) return MEDIA_TYPES.ociIndex;
  if (isRecord(body['config'])) return typeOfImage(body['config']);
  return Array.isArray(body['blobs']) ? MEDIA_TYPES.ociArtifact : undefined;
}

/** Docker manifests always say what they are, OCI ones need not; the config tells what a silent one was meant to be. */
function typeOfImage(config: Body): string {
  const type = config['mediaType'];
  const isDocker = typeof type === 'string' && isConfigType(type) && type !== MEDIA_TYPES.ociConfig;
  return isDocker ? MEDIA_TYPES.dockerManifest : MEDIA_TYPES.ociManifest;
}

/** Fields of other kinds of document: one that has them too is a trap for clients that look only there. */
const FOREIGN: Readonly<Record<Manifest['kind'], readonly string[]>> = {
  index: ['config', 'layers', 'fsLayers'],
  image: ['manifests', 'fsLayers'],
  artifact: ['manifests', 'config', 'layers', 'fsLayers'],
  schema1: ['manifests', 'config', 'layers'],
};
const STRUCTURE: readonly string[] = ['schemaVersion', 'mediaType', 'manifests', 'config', 'layers', 'fsLayers'];

function refuseAmbiguous(body: Body, type: string, kind: Manifest['kind']): void {
  const foreign = FOREIGN[kind].find((field) => isPresent(body[field]));
  if (foreign !== undefined)
    throw invalid(`manifest of type ${type} is ambiguous: it has "${foreign}"`, { mediaType: type });
  // Clients written in Go take `Layers` for `layers`.
  const names = new Map(STRUCTURE.map((field) => [field.toLowerCase(), field]));
  const twin = Object.keys(body).find((key) => (names.get(key.toLowerCase()) ?? key) !== key);
  if (twin !== undefined)
    throw invalid(`manifest of type ${type} is ambiguous: it has "${twin}" beside its fields`, { mediaType: type });
}

function kindOf(type: string): Manifest['kind'] {
  if (isIndexType(type)) return 'index';
  if (isSchema1Type(type)) return 'schema1';
  return type === MEDIA_TYPES.ociArtifact ? 'artifact' : 'image';
}

function checkVersion(body: Body, type: string, kind: Manifest['kind']): void {
  const version = body['schemaVersion'];
  // The withdrawn artifact manifest has no such field.
  if (version === undefined && kind === 'artifact') return;
  const expected = kind === 'schema1' ? 1 : 2;
  if (version === expected) return;
  const found = typeof version === 'number' || version === undefined ? String(version) : typeof version;
  throw invalid(`manifest of type ${type} needs schemaVersion ${expected}, not ${found}`);
}

function schema1(body: Body, mediaType: string): Manifest {
  const layers = body['fsLayers'];
  const isValid = (layer: unknown): boolean =>
    isRecord(layer) && typeof layer['blobSum'] === 'string' && isDigest(layer['blobSum']);
  if (!Array.isArray(layers) || layers.length > DESCRIPTOR_LIMIT || !layers.every(isValid)) {
    throw invalid('manifest fsLayers is not a list of digests');
  }
  return { kind: 'schema1', mediaType, layers: [], manifests: [] };
}

/** The list is required but may be null, as encoders in Go write empty lists; layers may be missing altogether. */
function descriptors(body: Body, field: 'manifests' | 'layers' | 'blobs'): readonly Descriptor[] {
  const list = body[field];
  if (list === null || (list === undefined && field !== 'manifests')) return [];
  if (!Array.isArray(list)) throw invalid(`manifest has no list of ${field}`);
  if (list.length > DESCRIPTOR_LIMIT) {
    throw invalid(`manifest has ${list.length} ${field}, at most ${DESCRIPTOR_LIMIT} are read`);
  }
  return list.map((value, index) => parseDescriptor(value, `manifest ${field}[${index}]`));
}

function entryKind(mediaType: string): Child['kind'] {
  if (isIndexType(mediaType)) return 'index';
  return isManifestType(mediaType) ? 'manifest' : 'blob';
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function invalid(message: string, details?: Readonly<Record<string, unknown>>): HubError {
  return new HubError('CONTENT_INVALID', message, { details });
}
