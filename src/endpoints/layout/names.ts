// Which entry of index.json does a name mean, and what does an entry with a name look like?
import { HubError } from '../../errors.ts';
import { IMAGE_NAME, REF_NAME } from '../../spec/annotations.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import { isDigest, isVerifiable } from '../../spec/digest.ts';
import { formatReference, parseReference, withDefaultTag } from '../../spec/reference.ts';

export type Annotations = Readonly<Record<string, string>>;

export const DEFAULT_TAG = 'latest';
/** The grammar of `org.opencontainers.image.ref.name` [OCI image-spec annotations.md]. */
const NAME = /^[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*(?:\/[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*)*$/;

/** The annotations that give an entry its name; none for a digest. Throws REFERENCE_INVALID. */
export function labelsFor(name: string): Annotations {
  // `app:1` has the form of a digest, too.
  if (isDigest(name) && isVerifiable(name)) return {};
  const tag = name === '' ? DEFAULT_TAG : name;
  const canonical = canonicalName(tag);
  if (canonical === tag) {
    const { tag: ref } = parseReference(tag);
    return { [IMAGE_NAME]: tag, ...(ref === undefined ? {} : { [REF_NAME]: ref }) };
  }
  if (tag.length <= 512 && NAME.test(tag)) return { [REF_NAME]: tag };
  throw new HubError('REFERENCE_INVALID', `"${name}" cannot be a name in an OCI layout`, {
    hint: 'use letters and digits, joined by one of - . _ : @ + /',
  });
}

/** True when an entry with these annotations gives its name up to one with those labels. */
export function isReplacedBy(annotations: Annotations, labels: Annotations): boolean {
  const [full, ref] = [annotations[IMAGE_NAME], annotations[REF_NAME]];
  const [newFull, newRef] = [labels[IMAGE_NAME], labels[REF_NAME]];
  if (newFull === undefined) return newRef !== undefined && ref === newRef;
  return (
    full === newFull || (full === undefined && ref !== undefined && (ref === newRef || canonicalName(ref) === newFull))
  );
}

/** The annotations that are not names. */
export function withoutNames(annotations: Annotations = {}): Annotations {
  const { [IMAGE_NAME]: _full, [REF_NAME]: _ref, ...others } = annotations;
  return others;
}

/** What people call an entry. */
export function nameOf({ annotations, digest }: Pick<Descriptor, 'annotations' | 'digest'>): string {
  return annotations?.[IMAGE_NAME] ?? annotations?.[REF_NAME] ?? digest;
}

/** Entries that a tag, a full name or a digest means, in their order. */
export function matching(entries: readonly Descriptor[], name: string): readonly Descriptor[] {
  const wanted = new Set([name]);
  return entries.filter(({ annotations = {}, digest }) => {
    const [full, ref] = [annotations[IMAGE_NAME], annotations[REF_NAME]];
    if (digest === name || (full !== undefined && wanted.has(full)) || (ref !== undefined && wanted.has(ref)))
      return true;
    return [full, ref].some((text) => text !== undefined && /[/:]/.test(text) && canonicalName(text) === name);
  });
}

function canonicalName(text: string): string | undefined {
  try {
    return formatReference(withDefaultTag(parseReference(text)));
  } catch (error) {
    if (HubError.is(error)) return undefined;
    throw error;
  }
}
