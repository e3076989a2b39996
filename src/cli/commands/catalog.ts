// hubctl catalog: the repositories of a registry, as they arrive.
import { listCatalog } from '../../hub/search.ts';
import { defineCommand, type CommandSpec } from '../command.ts';
import { listNames } from '../list-names.ts';
import { registryName } from '../registry-name.ts';

export const command: CommandSpec = defineCommand({
  name: 'catalog',
  summary: 'List the repositories of a registry',
  details:
    'One repository per line, without the name of the registry, printed while the list still arrives. Docker Hub and ' +
    'other public registries do not offer their catalog. With --json one object: {registry, repositories}; in templates ' +
    'a repository is .Repository.',
  arguments: [{ name: 'REGISTRY', help: 'host of the registry, such as localhost:5000' }],
  flags: {
    limit: { kind: 'number', value: 'N', help: 'stop after N repositories' },
    match: { kind: 'string', value: 'PATTERN', help: "only repositories that match a shell pattern, such as 'team/*'" },
  },
  examples: [{ command: 'hubctl catalog localhost:5000', does: 'every repository of a private registry' }],
  run: async (context, [text = ''], { limit, match }) => {
    const name = registryName(text);
    const registry = (await context.registries()).registry(name);
    await listNames(context, listCatalog(registry, { signal: context.signal }), {
      key: 'Repository',
      limit,
      match,
      json: (names) => ({ registry: name, repositories: names }),
    });
  },
});
