// hubctl tag: gives a local image another name.
import { HubError } from '../../errors.ts';
import { formatReference, parseReference, withDefaultTag } from '../../spec/reference.ts';
import { defineCommand, type CommandSpec } from '../command.ts';

export const command: CommandSpec = defineCommand({
  name: 'tag',
  summary: 'Give a local image another name',
  details:
    'The image keeps the names it has; no content is copied. If another image has the name TARGET, that one loses it. ' +
    'Prints nothing. With --json one object: {source, target, digest}.',
  arguments: [
    { name: 'SOURCE', help: 'local image: NAME[:TAG|@DIGEST], or the beginning of an image ID' },
    { name: 'TARGET', help: 'new name: NAME[:TAG]; the tag is latest by default' },
  ],
  flags: {},
  examples: [
    { command: 'hubctl tag app localhost:5000/team/app:1.2', does: 'name an image for the registry to push it to' },
    { command: 'hubctl tag 0123456789ab app:old', does: 'name an image by its ID' },
  ],
  run: async (context, [source = '', target = '']) => {
    const reference = withDefaultTag(parseReference(target));
    if (reference.digest !== undefined) {
      throw new HubError('REFERENCE_INVALID', `"${target}" has a digest, and that of an image cannot be chosen`, {
        hint: 'leave @DIGEST out',
      });
    }
    const store = await context.store();
    const { name, descriptor } = await store.find(source);
    const canonical = formatReference(reference);
    await store.setName(descriptor, canonical, { signal: context.signal });
    context.output.value({ source: name ?? descriptor.digest, target: canonical, digest: descriptor.digest });
  },
});
