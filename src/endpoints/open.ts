// Which endpoint does a text such as `alpine:3`, `oci:./out:1` or `docker-archive:app.tar` name?
import { resolve } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { HubError } from '../errors.ts';
import { isDigest, isVerifiable } from '../spec/digest.ts';
import type { Platform } from '../spec/platform.ts';
import { formatReference, isTag, parseReference, withDefaultTag, type Reference } from '../spec/reference.ts';
import type { Endpoint } from '../transfer/endpoint.ts';
import type { RegistryClient } from './registry/client.ts';
import type { Store } from './store/store.ts';

export interface OpenServices {
  /** Called only when the text needs the local store: for `store:`, and as a workshop for archives. */
  readonly store: () => Promise<Store>;
  /** Called only for a registry. */
  readonly registries: () => Promise<RegistryClient>;
  /** For archives named `-`. */
  readonly stdin?: Readable | undefined;
  readonly stdout?: Writable | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onWarning?: ((message: string) => void) | undefined;
  /** Where relative paths begin; the working directory of the process by default. */
  readonly cwd?: string | undefined;
  /** The platform that old programs shall see first in an archive of several. */
  readonly host?: Platform | undefined;
}

export type EndpointKind = 'registry' | 'store' | 'layout' | 'archive';

export interface OpenedEndpoint extends AsyncDisposable {
  readonly kind: EndpointKind;
  readonly endpoint: Endpoint;
  /** What to ask `resolve` for: a tag, a digest, a canonical name, or empty for the only image of a layout or archive. */
  readonly reference: string;
  /** False when `reference` is only a default. */
  readonly explicit: boolean;
  /** Registry and repository, where the endpoint is one. */
  readonly place?: { readonly registry: string; readonly repository: string } | undefined;
  /** The image as a canonical reference, where the text names one. */
  readonly image?: Reference | undefined;
  /** The name an image from `other` would get here. */
  nameLike(other: OpenedEndpoint): string;
}

const SCHEME = /^(oci|docker-archive|oci-archive|store|docker|docker-daemon|dir|containers-storage):(.*)$/s;

/**
 * Opens what a text names. Schemes: none or `docker://` for a registry, `store:`, `oci:DIR[:TAG]`, `docker-archive:FILE[:NAME]`,
 * `oci-archive:FILE[:NAME]`. Throws REFERENCE_INVALID, UNSUPPORTED for a scheme of other tools, and what opening throws.
 */
export async function openEndpoint(text: string, services: OpenServices): Promise<OpenedEndpoint> {
  const [, scheme, rest = ''] = SCHEME.exec(text) ?? [];
  switch (scheme) {
    case undefined:
      return openRegistry(text, services);
    case 'docker':
      // `docker:5000/app` would be a registry called docker: only `docker://` is a scheme.
      return rest.startsWith('//') ? openRegistry(rest.slice(2), services) : openRegistry(text, services);
    case 'store':
      return openStored(rest, services);
    case 'oci':
      return openLayoutText(rest, services);
    case 'docker-archive':
    case 'oci-archive':
      return openArchiveText(rest, services);
    default:
      throw new HubError('UNSUPPORTED', `${scheme}: is not something hubctl copies from or to`, {
        hint: 'use a registry reference, store:NAME, oci:DIR[:TAG] or docker-archive:FILE[:NAME]',
      });
  }
}

async function openRegistry(text: string, { registries }: OpenServices): Promise<OpenedEndpoint> {
  const image = parseReference(text);
  const { registry, repository, tag, digest } = image;
  const endpoint = (await registries()).repository(registry, repository);
  return {
    kind: 'registry',
    endpoint,
    reference: digest ?? tag ?? 'latest',
    explicit: tag !== undefined || digest !== undefined,
    place: { registry, repository },
    image,
    nameLike: (other) => other.image?.tag ?? other.image?.digest ?? tagOf(other.reference) ?? 'latest',
    [Symbol.asyncDispose]: () => endpoint[Symbol.asyncDispose](),
  };
}

async function openStored(text: string, { store }: OpenServices): Promise<OpenedEndpoint> {
  const { reference, image } = nameOf(text);
  return {
    kind: 'store',
    endpoint: await store(),
    reference,
    explicit: reference !== '',
    image,
    nameLike: (other) => storeName(other),
    // The store belongs to the caller, who may use it for both sides.
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function storeName(other: OpenedEndpoint): string {
  if (other.image) return formatReference(withDefaultTag(other.image));
  throw new HubError('USAGE', 'the image needs a name in the store', { hint: 'use store:NAME[:TAG]' });
}

async function openLayoutText(text: string, { onWarning, cwd }: OpenServices): Promise<OpenedEndpoint> {
  const { openLayout } = await import('./layout/layout.ts');
  const { path, name } = splitPath(text, 'oci:DIR[:TAG]');
  const endpoint = await openLayout(below(cwd, path), { onWarning });
  return {
    kind: 'layout',
    endpoint,
    reference: name,
    explicit: name !== '',
    nameLike: (other) => other.image?.tag ?? other.image?.digest ?? tagOf(other.reference) ?? 'latest',
    [Symbol.asyncDispose]: () => endpoint[Symbol.asyncDispose](),
  };
}

async function openArchiveText(text: string, services: OpenServices): Promise<OpenedEndpoint> {
  const { ArchiveEndpoint } = await import('./archive/archive.ts');
  const { path, name } = splitPath(text, 'docker-archive:FILE[:NAME]');
  if (/^@\d+$/.test(name)) {
    throw new HubError('UNSUPPORTED', `${name}: images of an archive are not chosen by number`, {
      hint: 'name the image: docker-archive:FILE:NAME[:TAG]',
    });
  }
  const { reference, image } = nameOf(name);
  const endpoint = new ArchiveEndpoint(path === '-' ? path : below(services.cwd, path), services);
  return {
    kind: 'archive',
    endpoint,
    reference,
    explicit: reference !== '',
    image,
    nameLike: (other) => (other.image ? formatReference(withDefaultTag(other.image)) : ''),
    [Symbol.asyncDispose]: () => endpoint[Symbol.asyncDispose](),
  };
}

function below(cwd: string | undefined, path: string): string {
  return cwd === undefined ? path : resolve(cwd, path);
}

/** A name in the store or an archive: canonical, or a digest alone as it is. */
function nameOf(text: string): { readonly reference: string; readonly image?: Reference } {
  if (text === '' || (isDigest(text) && isVerifiable(text))) return { reference: text };
  const image = withDefaultTag(parseReference(text));
  return { reference: formatReference(image), image };
}

/** `DIR:TAG`, `FILE:NAME:TAG`; a drive letter such as `C:` belongs to the path. */
function splitPath(text: string, form: string): { readonly path: string; readonly name: string } {
  const drive = /^[A-Za-z]:[\\/]/.test(text) ? 2 : 0;
  const colon = text.indexOf(':', drive);
  const path = colon === -1 ? text : text.slice(0, colon);
  if (path === '') throw new HubError('REFERENCE_INVALID', `${form} needs a path`);
  return { path, name: colon === -1 ? '' : text.slice(colon + 1) };
}

/** The tag in a name that may be a whole reference; a digest stays one. */
function tagOf(name: string): string | undefined {
  if (name === '') return undefined;
  if (isTag(name) || (isDigest(name) && isVerifiable(name))) return name;
  return parseReference(name).tag;
}
