// Which names does an archive give its images, and which of them can be trusted to be names?
import { HubError } from '../../errors.ts';
import { IMAGE_NAME, REF_NAME } from '../../spec/annotations.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import { formatReference, isTag, parseReference, withDefaultTag } from '../../spec/reference.ts';

/** The canonical form of a name with its tag, `docker.io/library/alpine:3`; undefined when it is no valid name. */
export function canonicalName(text: string): string | undefined {
  try {
    return formatReference(withDefaultTag(parseReference(text)));
  } catch (error) {
    if (HubError.is(error)) return undefined;
    throw error;
  }
}

export interface IndexNames {
  /** The full name, canonical. */
  readonly full?: string | undefined;
  /** The tag alone, where the archive says no more. */
  readonly tag?: string | undefined;
  /** A name that is not valid, as written. */
  readonly invalid?: string | undefined;
}

/**
 * The names in the annotations of an entry of `index.json`: `io.containerd.image.name` is a full name; the OCI
 * annotation is a full name or only a tag, by whether it has a `/` or a `:`.
 */
export function namesOf({ annotations, digest }: Pick<Descriptor, 'annotations' | 'digest'>): IndexNames {
  const refName = annotations?.[REF_NAME];
  const tag = refName !== undefined && isTag(refName) ? refName : undefined;
  const text = annotations?.[IMAGE_NAME] ?? (tag === undefined ? refName : undefined);
  if (text === undefined) return { tag };
  const full = canonicalName(text);
  // A name by digest must not be a name for something else.
  if (full === undefined || (full.includes('@') && !full.endsWith(`@${digest}`))) return { tag, invalid: text };
  return { tag, full };
}
