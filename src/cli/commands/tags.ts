// hubctl tags: the tags of a repository, as they arrive.
import { HubError } from '../../errors.ts';
import { familiarName, parseReference } from '../../spec/reference.ts';
import { defineCommand, type CommandSpec } from '../command.ts';
import { listNames } from '../list-names.ts';

export const command: CommandSpec = defineCommand({
  name: 'tags',
  summary: 'List the tags of a repository',
  details:
    'One tag per line, in the order of the registry, printed while the list still arrives. ' +
    'With --json one object: {repository, tags}; in templates a tag is .Tag.',
  arguments: [{ name: 'NAME', help: 'repository, without a tag' }],
  flags: {
    limit: { kind: 'number', value: 'N', help: 'stop after N tags' },
    match: { kind: 'string', value: 'PATTERN', help: "only tags that match a shell pattern, such as '3.*'" },
    sort: { kind: 'boolean', help: 'sort by version, with numbers as numbers: 1.9 before 1.10' },
  },
  examples: [
    { command: 'hubctl tags alpine', does: 'every tag of docker.io/library/alpine' },
    { command: "hubctl tags --match '3.*' --sort localhost:5000/team/app", does: 'the 3.x tags, oldest version first' },
  ],
  run: async (context, [text = ''], { limit, match, sort }) => {
    const reference = parseReference(text);
    const { registry, repository, tag, digest } = reference;
    const name = familiarName(reference);
    if (tag !== undefined || digest !== undefined) {
      throw new HubError('USAGE', `"${text}" names one image, but tags are listed for a repository`, {
        hint: `try: hubctl tags ${name}`,
      });
    }
    const tags = (await context.registries()).repository(registry, repository).tagPages({ signal: context.signal });
    await listNames(context, tags, {
      key: 'Tag',
      limit,
      match,
      sort,
      json: (names) => ({ repository: name, tags: names }),
    });
  },
});
