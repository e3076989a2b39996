// hubctl serve: a registry on this machine, for as long as the command runs.
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { HubError } from '../../errors.ts';
import { systemClock } from '../../http/clock.ts';
import type { AccessEntry } from '../../server/access-log.ts';
import { openHtpasswd } from '../../server/htpasswd.ts';
import { parseListenAddress } from '../../server/listen.ts';
import { serve, type RegistryServer, type ServeOptions } from '../../server/serve.ts';
import { safeJson, safeText } from '../../util/text.ts';
import { defineCommand, type CommandSpec, type FlagValues } from '../command.ts';
import type { Context } from '../context.ts';
import { parseSize } from '../globals.ts';
import { registryName } from '../registry-name.ts';

const FLAGS = {
  addr: {
    kind: 'string',
    value: 'HOST:PORT',
    help: 'where to listen (default 127.0.0.1:5000); port 0 takes a free one',
  },
  'read-only': { kind: 'boolean', help: 'refuse pushes and deletes' },
  'allow-delete': { kind: 'boolean', help: 'allow clients to delete tags, manifests and blobs' },
  images: { kind: 'boolean', help: 'also offer the images of the local store' },
  proxy: { kind: 'string', value: 'REGISTRY', help: 'fetch what is missing from this registry, and keep it' },
  htpasswd: { kind: 'string', value: 'FILE', help: 'accounts that may use it (bcrypt, as from htpasswd -B)' },
  'tls-cert': { kind: 'string', value: 'FILE', help: 'certificate of this registry (PEM)', apart: true },
  'tls-key': { kind: 'string', value: 'FILE', help: 'key of the certificate (PEM)', apart: true },
  'insecure-listen': { kind: 'boolean', help: 'let other machines in without TLS or accounts' },
  'chunk-min-length': { kind: 'string', value: 'SIZE', help: 'ask clients for chunks of at least this size' },
} as const;

export const command: CommandSpec = defineCommand({
  name: 'serve',
  summary: 'Run a registry on this machine',
  details:
    'Serves the registry kept in DIR (by default a folder called registry beside the local store) until it is interrupted; ' +
    'docker, crane, skopeo, oras and every other client can push to it and pull from it. Once it listens, one line on ' +
    'stdout tells its address; each request is a line on stderr, unless --quiet. Without --htpasswd anybody who reaches the ' +
    'address may use it, so an address that other machines reach needs TLS and accounts.\n\n' +
    'With --images the local store is offered too, read-only: images of Docker Hub under their path (library/alpine), ' +
    'others under HOST/PATH. With --proxy REGISTRY it fetches what it lacks with your login, once for everybody, and goes on ' +
    'with what it has while that registry cannot be reached.',
  arguments: [{ name: 'DIR', help: 'folder of the registry; made when missing', optional: true }],
  flags: FLAGS,
  examples: [
    { command: 'hubctl serve', does: 'a registry at localhost:5000' },
    { command: 'hubctl serve --addr 127.0.0.1:0 ./data --allow-delete', does: 'on a free port, for a CI job' },
    {
      command: 'hubctl serve --images --read-only --addr 0.0.0.0:5000 --insecure-listen',
      does: 'hand images to a room',
    },
    { command: 'hubctl serve --proxy docker.io', does: 'a cache of Docker Hub' },
  ],
  run: async (context, [dir], flags) => {
    const registry = await serve(await serveOptions(context, dir, flags));
    try {
      announce(context, registry);
      await interrupted(context.signal);
      context.output.note('stopping: requests that run are finished first');
    } finally {
      await registry.close();
    }
  },
});

async function serveOptions(
  context: Context,
  dir: string | undefined,
  flags: FlagValues<typeof FLAGS>,
): Promise<ServeOptions> {
  const at = (path: string): string => resolve(context.io.cwd, path);
  const { output } = context;
  const { htpasswd, proxy } = flags;
  return {
    ...parseListenAddress(flags.addr ?? '127.0.0.1:5000'),
    dir: dir === undefined ? join(dirname(context.settings.storeDir), 'registry') : at(dir),
    readOnly: flags['read-only'],
    allowDelete: flags['allow-delete'],
    insecureListen: flags['insecure-listen'],
    chunkMinLength: parsedSize(flags['chunk-min-length']),
    accounts: htpasswd === undefined ? undefined : await openHtpasswd(at(htpasswd)),
    tls: await readTls(flags, at),
    images: flags.images ? await context.store() : undefined,
    upstream: proxy === undefined ? undefined : await upstreamOf(context, proxy),
    onAccess: output.quiet ? undefined : (entry) => logAccess(context, entry),
    onWarning: (text) => output.note(text),
  };
}

function parsedSize(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseSize(text, '--chunk-min-length');
}

async function readTls(
  flags: Pick<FlagValues<typeof FLAGS>, 'tls-cert' | 'tls-key'>,
  at: (path: string) => string,
): Promise<ServeOptions['tls']> {
  const { 'tls-cert': cert, 'tls-key': key } = flags;
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    throw new HubError('USAGE', `--tls-${cert === undefined ? 'cert' : 'key'} is missing`, {
      hint: 'TLS needs both --tls-cert and --tls-key',
    });
  }
  return { cert: await readPem(at(cert)), key: await readPem(at(key)) };
}

async function readPem(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new HubError('CONFIG_INVALID', `cannot read ${path}`, { cause: error, hint: 'check the path' });
  }
}

async function upstreamOf(context: Context, text: string): Promise<NonNullable<ServeOptions['upstream']>> {
  const name = registryName(text);
  const registries = await context.registries();
  return { name, repository: (repository) => registries.repository(name, repository) };
}

/** The one line of result: scripts wait for it. */
function announce({ output }: Context, { url, host, dir }: RegistryServer): void {
  if (output.json) output.bytes(`${safeJson({ url, host, dir })}\n`);
  else output.line(`registry at ${url} (${dir})`);
}

function logAccess({ io, output }: Context, entry: AccessEntry): void {
  const { remote, user, method, target, status, sent, received, milliseconds, agent, aborted } = entry;
  const time = new Date(systemClock.now()).toISOString();
  if (output.json) {
    io.stderr.write(`${safeJson({ version: 1, type: 'request', time, ...entry })}\n`);
    return;
  }
  const end = aborted ? ' aborted' : '';
  const line = `${time} ${remote} ${user ?? '-'} "${method} ${target}" ${status} ${received}>${sent} ${milliseconds}ms "${agent}"${end}`;
  io.stderr.write(`${safeText(line)}\n`);
}

function interrupted(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) done();
    else signal.addEventListener('abort', () => done(), { once: true });
  });
}
