// hubctl logout: forgets the credentials for a registry, wherever they are kept.
import { canonicalServer, namespaceOf, serverKey } from '../../credentials/aliases.ts';
import { HubError } from '../../errors.ts';
import { defineCommand, type CommandSpec } from '../command.ts';
import type { Context } from '../context.ts';

export const command: CommandSpec = defineCommand({
  name: 'logout',
  summary: 'Forget the credentials for a registry',
  details:
    'Without SERVER, logs out of Docker Hub. Every spelling of the server is removed from every place: files, the ' +
    'keychain, and the credential helpers that the configuration names. It is no failure when there was nothing.',
  arguments: [{ name: 'SERVER', help: 'host of the registry, such as ghcr.io or localhost:5000', optional: true }],
  flags: { all: { kind: 'boolean', short: 'a', help: 'forget the credentials for every registry' } },
  examples: [
    { command: 'hubctl logout ghcr.io', does: 'forget the account at one registry' },
    { command: 'hubctl logout --all', does: 'forget every account' },
  ],
  run: async (context, [typed], { all }) => {
    if (all && typed !== undefined) {
      throw new HubError('USAGE', `--all and "${typed}" exclude each other`, {
        hint: 'name one registry, or use --all',
      });
    }
    const servers = all ? await (await context.credentials()).servers() : [typed ?? ''];
    const results = [];
    if (all) await context.forgetTokens();
    for (const server of new Set(servers.map((name) => displayName(name)))) results.push(await forget(context, server));
    if (results.length === 0) context.output.note('no credentials are stored');
    context.output.value(all ? results : results[0]);
  },
});

interface Forgotten {
  readonly server: string;
  /** Names of the places that had credentials. */
  readonly stores: readonly string[];
}

async function forget(context: Context, server: string): Promise<Forgotten> {
  const { output } = context;
  output.line(`Removing login credentials for ${server}`);
  const stores = await (await context.credentials()).logout(server);
  await context.forgetTokens(canonicalServer(server));
  if (stores.length === 0) output.note(`no credentials for ${server} were stored`);
  return { server, stores };
}

/** docker's name for the server: the host, the URL of Docker Hub. */
function displayName(server: string): string {
  return namespaceOf(server) === undefined ? serverKey(server) : server;
}
