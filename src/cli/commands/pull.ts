// hubctl pull: from a registry into the local store, or into a layout or archive.
import { HubError } from '../../errors.ts';
import { familiarName, formatReference, parseReference, withDefaultTag, type Reference } from '../../spec/reference.ts';
import { copy, type CopyResult } from '../../transfer/copy.ts';
import type { CopyOptions } from '../../transfer/options.ts';
import { Limiter } from '../../transfer/limit.ts';
import { defineCommand, type CommandSpec } from '../command.ts';
import type { Context } from '../context.ts';
import { openOutput, type OutputTarget } from '../open-output.ts';
import { platformsOf } from '../platforms.ts';
import type { TransferView } from '../output/output.ts';
import { each, type Finished } from '../each.ts';
import { noting } from '../remember.ts';

export const command: CommandSpec = defineCommand({
  name: 'pull',
  summary: 'Download images from a registry',
  details:
    'Images go to the local store, where each layer is kept once. A pull that was interrupted continues where it stopped. ' +
    'Without --platform the image for this machine (linux, this architecture) is taken; the digest printed is that of the tag.',
  arguments: [{ name: 'NAME[:TAG|@DIGEST]', help: 'image to pull; the tag is latest by default', many: true }],
  flags: {
    'all-tags': { kind: 'boolean', short: 'a', help: 'pull every tag of the repository' },
    platform: { kind: 'strings', value: 'OS/ARCH', help: 'platform to pull, such as linux/arm64; may be repeated' },
    'all-platforms': { kind: 'boolean', help: 'pull every platform, with attestations' },
    verify: { kind: 'boolean', help: 'hash again what is already here, and replace what is damaged' },
    output: {
      kind: 'string',
      short: 'o',
      value: 'TARGET',
      help: 'write to oci:DIR[:TAG], docker-archive:FILE or - (archive on stdout) instead of the store',
    },
  },
  examples: [
    { command: 'hubctl pull alpine', does: 'pull docker.io/library/alpine:latest' },
    { command: 'hubctl pull -a localhost:5000/team/app', does: 'pull every tag' },
    {
      command: 'hubctl pull --platform linux/arm64 -o docker-archive:alpine.tar alpine:3',
      does: 'one file for docker load',
    },
  ],
  run: async (context, args, flags) => {
    const references = args.map((text) => parseReference(text));
    const target = await openOutput(context, flags.output);
    const view = context.output.transfer({ direction: 'pull' });
    const all = flags['all-platforms'];
    if (all && flags.platform.length > 0) throw new HubError('USAGE', 'use either --platform or --all-platforms');
    const pull: Pull = {
      context,
      target,
      view,
      platforms: all ? undefined : platformsOf(context, flags.platform),
      verify: flags.verify,
      limiter: new Limiter(context.settings.concurrency),
    };
    try {
      const wanted = flags['all-tags'] ? await everyTag(context, references) : references.map(announceDefault(pull));
      if (target.named && wanted.length > 1) {
        throw new HubError('USAGE', `--output ${flags.output} names one image, not ${wanted.length}`, {
          hint: 'leave the name out; each image keeps its own',
        });
      }
      const status = await each(context, wanted, (reference) => pullOne(pull, reference), { doing });
      if (status.failures === 0) await target.commit();
      view.finish();
      report(pull, status.failures > 0 && target.whole ? [] : status.finished);
      status.rethrow();
    } finally {
      view.finish();
      await target.close();
    }
  },
});

interface Pull {
  readonly context: Context;
  readonly target: OutputTarget;
  readonly view: TransferView;
  readonly platforms: CopyOptions['platforms'];
  readonly verify: boolean;
  readonly limiter: Limiter;
}

const doing = (reference: Reference): readonly [string, string] => ['pull', familiarFull(reference)];

interface Pulled {
  readonly reference: Reference;
  readonly result: CopyResult;
  readonly changed: boolean;
}

function announceDefault({ context, target }: Pull): (reference: Reference) => Reference {
  return (reference) => {
    const named = withDefaultTag(reference);
    if (named !== reference && reference.tag === undefined && reference.digest === undefined && !context.output.quiet) {
      target.line('Using default tag: latest');
    }
    return named;
  };
}

async function everyTag(context: Context, references: readonly Reference[]): Promise<readonly Reference[]> {
  const registries = await context.registries();
  const all: Reference[] = [];
  for (const { registry, repository, tag, digest } of references) {
    if (tag !== undefined || digest !== undefined) {
      throw new HubError('USAGE', "a tag or digest can't be used with --all-tags/-a");
    }
    const endpoint = registries.repository(registry, repository);
    const before = all.length;
    for await (const name of endpoint.tags({ signal: context.signal })) all.push({ registry, repository, tag: name });
    if (all.length === before) throw new HubError('NOT_FOUND', `${endpoint.name} has no tags`);
  }
  return all;
}

async function pullOne(pull: Pull, reference: Reference): Promise<Pulled> {
  const { context, target, view, platforms, verify, limiter } = pull;
  const { registry, repository, tag, digest } = reference;
  const endpoint = (await context.registries()).repository(registry, repository);
  // With tag and digest the digest decides, and the image is kept under it, as docker does.
  const wanted = digest ?? tag ?? 'latest';
  const name = digest === undefined ? formatReference(reference) : formatReference({ registry, repository, digest });
  if (!context.output.quiet) target.line(`${wanted}: Pulling from ${repository}`);
  const before = await target.known(name);
  const seen = noting(view.onEvent);
  const result = await copy(endpoint, target.sink, wanted, {
    as: target.nameFor(reference) ?? name,
    platforms,
    keepIndex: target.store !== undefined,
    verify,
    limiter,
    expected: before,
    label: familiarName(reference) + (digest === undefined ? `:${wanted}` : `@${digest}`),
    onEvent: seen.onEvent,
    signal: context.signal,
  });
  if (target.store)
    await seen.remember(target.store, { registry, repository, tag: digest === undefined ? wanted : undefined });
  const changed = before?.digest !== result.descriptor.digest || result.copied > 0;
  return { reference, result, changed };
}

function report({ context, target }: Pull, finished: readonly Finished<Reference, Pulled>[]): void {
  const { output } = context;
  output.value(
    finished.map(({ value: { reference, result, changed } }) => ({
      reference: formatReference(reference),
      digest: result.descriptor.digest,
      mediaType: result.descriptor.mediaType,
      size: result.descriptor.size,
      changed,
      downloaded: { layers: result.copied, bytes: result.copiedBytes },
      reused: { layers: result.existing, bytes: result.existingBytes },
    })),
  );
  for (const { value } of finished) {
    const full = formatReference(value.reference);
    if (!output.quiet) {
      const state = value.changed ? 'Downloaded newer image' : 'Image is up to date';
      target.line(`Digest: ${value.result.descriptor.digest}`);
      target.line(`Status: ${state} for ${familiarFull(value.reference)}`);
    }
    target.line(full);
  }
}

function familiarFull(reference: Reference): string {
  const { tag, digest } = reference;
  return familiarName(reference) + (digest === undefined ? `:${tag ?? 'latest'}` : `@${digest}`);
}
