// hubctl auth whoami: which account a registry would see.
import { canonicalServer, hostOfKey, namespaceOf } from '../../../credentials/aliases.ts';
import { usernameOf } from '../../../credentials/entry.ts';
import { HubError } from '../../../errors.ts';
import { defineCommand, type CommandSpec } from '../../command.ts';
import { registryName } from '../../registry-name.ts';

export const command: CommandSpec = defineCommand({
  name: 'auth whoami',
  summary: 'Show which account a registry would see',
  details:
    'Prints the user name and where the credentials come from; with -q the user name alone. Nothing is asked of the ' +
    'registry. The user name is <token> where only a token is known. Without SERVER, tells the account at Docker Hub. ' +
    'The exit status is 4 when there are no credentials. In templates: .Server, .Username, .Source, .Kind.',
  arguments: [{ name: 'SERVER', help: 'host of the registry, or a repository of it', optional: true }],
  flags: {},
  examples: [{ command: 'hubctl auth whoami ghcr.io', does: 'the account that ghcr.io would see' }],
  run: async (context, [typed = '']) => {
    const { output } = context;
    const registry = registryName(canonicalServer(typed === '' ? 'docker.io' : hostOfKey(typed)));
    const found = await (await context.credentials()).find(registry, namespaceOf(typed));
    if (!found) {
      const server = registry === 'docker.io' ? '' : ` ${registry}`;
      throw new HubError('UNAUTHORIZED', `not logged in to ${registry}`, {
        hint: `log in with: hubctl login${server}`,
      });
    }
    const { credential, source } = found;
    const username = usernameOf(credential);
    if (output.json || output.format !== undefined) {
      const { kind } = credential;
      const fields = { server: registry, username, source, kind };
      return output.json
        ? output.value(fields)
        : output.object({ Server: registry, Username: username, Source: source, Kind: kind });
    }
    return output.line(output.quiet ? username : `${username} (${source})`);
  },
});
