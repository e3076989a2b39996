// Which registry does a command line most likely ask first, as far as can be told before anything is loaded?
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Io } from './io.ts';

/** Commands that ask the registry of their first argument, whatever else they do. */
const ASKS: ReadonlySet<string> = new Set(['pull', 'push', 'copy', 'cp', 'digest']);
/** Flags that do not change which way a request goes, without and with a value in the next word. */
const HARMLESS: ReadonlySet<string> = new Set(['-q', '--quiet', '-D', '--debug', '--json', '--no-progress']);
const HARMLESS_VALUES: ReadonlySet<string> = new Set(['--store', '--platform', '--progress', '--format', '--authfile']);
/** `localhost`, a name with a dot, or one with a port. */
const HOST = /^(?=localhost$|[^:]*\.|.*:)[a-z0-9][a-z0-9.-]*(?::\d{1,5})?$/i;
/** What has this name is found elsewhere. */
const HUB = /^(?:index\.)?docker\.io$/i;
const PROXIES = ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy'];

/**
 * The host (`localhost:5000`) that the command will connect to by itself. Undefined in all cases of doubt: another command,
 * flags that may change the way, no host in the name, a proxy. A wrong guess costs a connection over which nothing is sent.
 */
export function hostAhead(argv: readonly string[], io: Pick<Io, 'env' | 'home'>): string | undefined {
  const [command = '', ...words] = argv;
  const [name = ''] = ASKS.has(command) ? operandsOf(words) : [];
  const [host = ''] = name.split('/', 1);
  const isHost = host.length < name.length && HOST.test(host) && !HUB.test(host);
  return isHost && !hasProxy(io) ? host : undefined;
}

/** Words that are no flags; none when there are flags that are not known here. */
function operandsOf(words: readonly string[]): readonly string[] {
  const operands: string[] = [];
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? '';
    const [flag = '', value] = word.split('=', 2);
    if (!word.startsWith('-')) operands.push(word);
    else if (HARMLESS_VALUES.has(flag)) index += value === undefined ? 1 : 0;
    else if (!HARMLESS.has(word)) return [];
  }
  return operands;
}

/** True also when it cannot be told. A proxy is where all connections go to. */
function hasProxy({ env, home }: Pick<Io, 'env' | 'home'>): boolean {
  if (PROXIES.some((name) => (env[name] ?? '') !== '')) return true;
  try {
    const folder = env['DOCKER_CONFIG'] || join(home, '.docker');
    const document: unknown = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
    return typeof document !== 'object' || document === null || 'proxies' in document;
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ENOENT');
  }
}
