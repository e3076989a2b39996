// hubctl push: from the local store to a registry, moving only what the registry lacks.
import { HubError } from '../../errors.ts';
import type { RegistryEndpoint } from '../../endpoints/registry/registry.ts';
import type { Store } from '../../endpoints/store/store.ts';
import {
  familiarName,
  familiarString,
  formatReference,
  parseReference,
  repositoryName,
  withDefaultTag,
  type Reference,
} from '../../spec/reference.ts';
import type { Platform } from '../../spec/platform.ts';
import { copy, type CopyResult } from '../../transfer/copy.ts';
import { Limiter } from '../../transfer/limit.ts';
import { defineCommand, type CommandSpec } from '../command.ts';
import type { Context } from '../context.ts';
import { each, type Finished } from '../each.ts';
import type { TransferView } from '../output/output.ts';
import { platformsOf } from '../platforms.ts';
import { lenders, noting, remembered } from '../remember.ts';

/** Uploads at once for each registry: mostly they wait for answers, so more of them cost little. */
const UPLOADS = 16;

export const command: CommandSpec = defineCommand({
  name: 'push',
  summary: 'Upload images to a registry',
  details:
    'Layers that the registry has are not sent again; those it has in another repository are mounted from there. ' +
    'The tag appears last, when everything it needs is in place. With --quiet only NAME@DIGEST is printed, for scripts.',
  arguments: [
    { name: 'NAME[:TAG]', help: 'image in the local store, named as it shall be in the registry', many: true },
  ],
  flags: {
    'all-tags': { kind: 'boolean', short: 'a', help: 'push every local tag of the repository' },
    platform: {
      kind: 'strings',
      value: 'OS/ARCH',
      help: 'push only this platform of a multi-platform image; may be repeated',
    },
  },
  examples: [
    { command: 'hubctl push user/app:1.2', does: 'push to Docker Hub' },
    { command: 'hubctl push -q localhost:5000/app', does: 'print localhost:5000/app@sha256:... alone' },
  ],
  run: async (context, args, flags) => {
    const store = await context.store();
    const references = args.map((text) => parseReference(text));
    const wanted = flags['all-tags'] ? await localTags(store, references) : references.map(withDefaultTag);
    const view = context.output.transfer({ direction: 'push' });
    const platforms = flags.platform.length > 0 ? platformsOf(context, flags.platform) : undefined;
    const limiter = new Limiter(context.settings.concurrency ?? UPLOADS);
    const push: Push = { context, store, view, platforms, limiter, endpoints: new Map() };
    try {
      announce(context, wanted);
      const status = await each(context, wanted, (reference) => pushOne(push, reference), { doing });
      view.finish();
      report(context, status.finished);
      status.rethrow();
    } finally {
      view.finish();
    }
  },
});

interface Push {
  readonly context: Context;
  readonly store: Store;
  readonly view: TransferView;
  readonly platforms: readonly Platform[] | undefined;
  readonly limiter: Limiter;
  /** One for all tags of a repository, so that what they share is uploaded once. */
  readonly endpoints: Map<string, RegistryEndpoint>;
}

const doing = (reference: Reference): readonly [string, string] => ['push', familiarString(reference)];

async function localTags(store: Store, references: readonly Reference[]): Promise<readonly Reference[]> {
  const images = await store.images();
  return references.flatMap((reference) => {
    if (reference.tag !== undefined || reference.digest !== undefined) {
      throw new HubError('USAGE', "a tag can't be used with --all-tags/-a");
    }
    const name = repositoryName(reference);
    const tags = images
      .map((image) => (image.name === undefined ? undefined : parseReference(image.name)))
      .filter((image) => image !== undefined && repositoryName(image) === name && image.digest === undefined);
    if (tags.length === 0) throw missing(familiarName(reference));
    return tags as Reference[];
  });
}

function announce({ output }: Context, references: readonly Reference[]): void {
  if (output.quiet) return;
  const repositories = new Set(references.map((reference) => repositoryName(reference)));
  for (const name of repositories) output.line(`The push refers to repository [${name}]`);
}

async function pushOne(push: Push, reference: Reference): Promise<CopyResult> {
  const { context, store, view, platforms, limiter } = push;
  const { registry, repository, tag, digest } = reference;
  const name = formatReference(reference);
  if (!(await store.images()).some((image) => image.name === name)) throw missing(name);
  const endpoint = await endpointOf(push, reference);
  const seen = noting(view.onEvent);
  const result = await copy(store, endpoint, name, {
    as: digest ?? tag ?? 'latest',
    platforms,
    available: true,
    limiter,
    mountFrom: lenders(store, { registry, repository }),
    remembered: remembered(store, { registry, repository, tag }),
    label: familiarName(reference) + (digest === undefined ? `:${tag}` : `@${digest}`),
    onEvent: seen.onEvent,
    signal: context.signal,
  });
  await seen.remember(store, { registry, repository, tag });
  return result;
}

async function endpointOf({ context, endpoints }: Push, reference: Reference): Promise<RegistryEndpoint> {
  const registries = await context.registries();
  const name = repositoryName(reference);
  const endpoint = endpoints.get(name) ?? registries.repository(reference.registry, reference.repository);
  endpoints.set(name, endpoint);
  return endpoint;
}

function report({ output }: Context, finished: readonly Finished<Reference, CopyResult>[]): void {
  output.value(
    finished.map(({ item, value }) => ({
      reference: formatReference(item),
      digest: value.descriptor.digest,
      mediaType: value.descriptor.mediaType,
      size: value.descriptor.size,
      uploaded: { layers: value.copied, bytes: value.copiedBytes },
      mounted: { layers: value.mounted, bytes: value.mountedBytes },
      existing: { layers: value.existing, bytes: value.existingBytes },
    })),
  );
  for (const { item, value } of finished) {
    const { digest, size } = value.descriptor;
    if (output.quiet) output.line(`${repositoryName(item)}@${digest}`);
    else output.line(`${item.tag ?? item.digest}: digest: ${digest} size: ${size}`);
  }
}

function missing(name: string): HubError {
  return new HubError('NOT_FOUND', `no local image has the name ${name}`, {
    hint: 'see what is here with: hubctl images; give an image that name with: hubctl tag',
    details: { reference: name },
  });
}
