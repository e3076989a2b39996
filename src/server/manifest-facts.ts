// What does a manifest of any kind refer to, and what is said of it among the referrers of its subject?
import { HubError } from '../errors.ts';
import { parseDescriptor, stringMap, type Descriptor } from '../spec/descriptor.ts';
import { isVerifiable } from '../spec/digest.ts';
import { childrenOf, parseManifest } from '../spec/manifest.ts';
import { isManifestType, isNonDistributable, isSchema1Type } from '../spec/media-types.ts';
import { isRecord, parseJson } from '../util/json.ts';
import { refusal } from './wire.ts';

export interface ManifestFacts {
  readonly mediaType: string;
  /** Content that has to be in the repository first. */
  readonly needs: readonly Descriptor[];
  readonly subject?: Descriptor | undefined;
  readonly artifactType?: string | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** Fields of documents of unknown types that hold descriptors, as those of known types do. */
const LISTS = ['layers', 'blobs', 'manifests'] as const;

/**
 * Reads a manifest as it was announced. Types that are not known are taken too: only their descriptors are looked at.
 * Throws MANIFEST_INVALID for what is no JSON object, is ambiguous, or refers to things in no readable way.
 */
export function manifestFacts(bytes: Uint8Array, contentType: string | undefined): ManifestFacts {
  const announced = contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  try {
    const isKnown = isManifestType(announced) || announced === '' || announced === 'application/json';
    const facts = isKnown ? knownFacts(bytes, announced) : unknownFacts(bytes, announced);
    const needs = facts.needs.filter(isNeeded);
    for (const { digest } of facts.subject ? [...needs, facts.subject] : needs) checkVerifiable(digest);
    return { ...facts, needs };
  } catch (error) {
    if (!HubError.is(error)) throw error;
    throw refusal('MANIFEST_INVALID', { message: error.message });
  }
}

function knownFacts(bytes: Uint8Array, announced: string): ManifestFacts {
  const manifest = parseManifest(bytes, announced === 'application/json' ? '' : announced);
  const { mediaType, subject, artifactType, annotations, config } = manifest;
  if (isSchema1Type(mediaType)) {
    throw new HubError(
      'UNSUPPORTED',
      'manifests of schema version 1 are not taken: their digest is not that of their bytes',
    );
  }
  return {
    mediaType,
    needs: childrenOf(manifest).map(({ descriptor }) => descriptor),
    subject,
    artifactType: artifactType ?? config?.mediaType,
    annotations,
  };
}

function unknownFacts(bytes: Uint8Array, mediaType: string): ManifestFacts {
  const body = parseJson(new TextDecoder('utf-8').decode(bytes), 'manifest');
  if (!isRecord(body)) throw new HubError('CONTENT_INVALID', 'manifest is not a JSON object');
  const { config, subject, artifactType, annotations } = body;
  const lists = LISTS.flatMap((field) => {
    const list: unknown = body[field];
    return Array.isArray(list) ? list.map((entry: unknown, at) => ({ entry, where: `manifest ${field}[${at}]` })) : [];
  });
  const all = isRecord(config) ? [{ entry: config, where: 'manifest config' }, ...lists] : lists;
  // What does not look like a descriptor may mean anything in a document of an unknown kind.
  const descriptors = all.filter(({ entry }) => isRecord(entry) && typeof entry['digest'] === 'string');
  const isTyped = typeof artifactType === 'string' && artifactType !== '';
  const configType = isRecord(config) && typeof config['mediaType'] === 'string' ? config['mediaType'] : undefined;
  return {
    mediaType,
    needs: descriptors.map(({ entry, where }) => parseDescriptor(entry, where)),
    subject: isRecord(subject) ? parseDescriptor(subject, 'manifest subject') : undefined,
    artifactType: isTyped ? artifactType : configType,
    annotations: stringMap(annotations),
  };
}

/** What cannot be verified is never stored, so nothing can refer to it. */
function checkVerifiable(digest: string): void {
  if (!isVerifiable(digest))
    throw new HubError('UNSUPPORTED', `manifest refers to ${digest}, which cannot be verified`);
}

/** Layers that registries need not hold may live elsewhere [OCI image-spec layer.md]. */
function isNeeded(descriptor: Descriptor): boolean {
  return !isNonDistributable(descriptor.mediaType);
}
