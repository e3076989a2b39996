// hubctl copy: from any endpoint to any endpoint, bytes unchanged.
import { HubError } from '../../errors.ts';
import { openEndpoint, type OpenedEndpoint } from '../../endpoints/open.ts';
import { copy, type CopyResult } from '../../transfer/copy.ts';
import { defineCommand, type CommandSpec } from '../command.ts';
import type { Context } from '../context.ts';
import { whileDoing } from '../doing.ts';
import { checkStdout, isOnStdout } from '../open-output.ts';
import { openServices } from '../open-services.ts';
import { platformsOf } from '../platforms.ts';

/** Uploads at once to a registry: mostly they wait for answers, so more of them cost little. */
const UPLOADS = 16;

export const command: CommandSpec = defineCommand({
  name: 'copy',
  summary: 'Copy an image between registries, layouts, archives and the local store',
  details:
    'SOURCE and TARGET are NAME[:TAG|@DIGEST] for a registry (docker:// may stand before it), store:NAME for the local store, ' +
    'oci:DIR[:TAG] for an OCI image layout, docker-archive:FILE[:NAME] or oci-archive:FILE[:NAME] for an archive (FILE may be -). ' +
    'A multi-platform image is copied whole unless --platform is given. Digests stay what they are.',
  arguments: [
    { name: 'SOURCE', help: 'where the image is' },
    { name: 'TARGET', help: 'where it shall go; the tag of SOURCE is kept when TARGET has none' },
  ],
  flags: {
    platform: { kind: 'strings', value: 'OS/ARCH', help: 'copy only this platform; may be repeated' },
    'all-platforms': { kind: 'boolean', help: 'copy every platform (this is the default)' },
    referrers: { kind: 'boolean', help: 'also copy signatures, SBOMs and whatever else refers to the image' },
  },
  examples: [
    { command: 'hubctl copy alpine:3 localhost:5000/alpine:3', does: 'mirror an image, all platforms' },
    { command: 'hubctl copy alpine:3 oci:./layout:3', does: 'into an OCI image layout' },
    { command: 'hubctl cp docker-archive:app.tar localhost:5000/app:1', does: 'push a docker save file' },
  ],
  run: async (context, [source = '', target = ''], flags) => {
    if (flags['all-platforms'] && flags.platform.length > 0) {
      throw new HubError('USAGE', 'use either --platform or --all-platforms');
    }
    if (isOnStdout(target)) checkStdout(context, 'name a file, as in docker-archive:FILE');
    const view = context.output.transfer({ direction: 'copy' });
    await using from = await open(context, source);
    await using to = await open(context, target);
    try {
      const as = targetName(from, to);
      // What a repository gives it has: another tag for it needs nothing to be looked for.
      const sink = isSamePlace(from, to) ? from.endpoint : to.endpoint;
      const result = await copy(from.endpoint, sink, from.reference, {
        as,
        platforms: flags.platform.length > 0 ? platformsOf(context, flags.platform) : undefined,
        available: from.kind !== 'registry',
        concurrency: context.settings.concurrency ?? (to.kind === 'registry' ? UPLOADS : undefined),
        mountFrom: async () => mountable(from, to),
        referrers: flags.referrers,
        label: source,
        onEvent: view.onEvent,
        signal: context.signal,
      });
      await sink.commit?.({ signal: context.signal });
      view.finish();
      report(context, target, result);
    } catch (error) {
      throw whileDoing('copy', `${source} to ${target}`, error);
    } finally {
      view.finish();
    }
  },
});

function open(context: Context, text: string): Promise<OpenedEndpoint> {
  return openEndpoint(text, openServices(context));
}

/** The name given, else that of the source as the target writes names. */
function targetName(from: OpenedEndpoint, to: OpenedEndpoint): string {
  if (to.explicit) return to.reference;
  return to.nameLike(from);
}

function isSamePlace({ place }: OpenedEndpoint, { place: other }: OpenedEndpoint): boolean {
  return place !== undefined && place.registry === other?.registry && place.repository === other.repository;
}

function mountable(from: OpenedEndpoint, to: OpenedEndpoint): readonly string[] {
  if (from.place === undefined || to.place === undefined || from.place.registry !== to.place.registry) return [];
  return [from.place.repository];
}

function report({ output }: Context, target: string, result: CopyResult): void {
  const { digest, mediaType, size } = result.descriptor;
  output.value({
    target,
    reference: result.reference,
    digest,
    mediaType,
    size,
    copied: { layers: result.copied, bytes: result.copiedBytes },
    mounted: { layers: result.mounted, bytes: result.mountedBytes },
    existing: { layers: result.existing, bytes: result.existingBytes },
  });
  // An archive on stdout leaves no room for a line of result.
  if (isOnStdout(target)) output.note(digest);
  else output.line(digest);
}
