// Which flags does every command take, and what do they mean?
import { HubError } from '../errors.ts';
import type { FlagSpec, FlagValues } from './command.ts';
import type { ProgressMode } from './output/create.ts';

/** Flags accepted before and after the command word. */
export const GLOBAL_FLAGS = {
  store: { kind: 'string', value: 'DIR', help: 'folder of the local image store' },
  json: { kind: 'boolean', help: 'print the result as JSON, and events as JSON lines on stderr' },
  format: { kind: 'string', value: 'TEXT', help: "table, json, or a template such as '{{.Name}}'" },
  quiet: { kind: 'boolean', short: 'q', help: 'print only names, IDs or digests, and no progress' },
  progress: {
    kind: 'string',
    value: 'MODE',
    choices: ['auto', 'tty', 'plain', 'none'],
    help: 'how progress is shown: auto, tty, plain or none',
  },
  'no-progress': { kind: 'boolean', help: 'the same as --progress none' },
  debug: { kind: 'boolean', short: 'D', help: 'log requests on stderr, and show the causes of errors' },
  concurrency: { kind: 'number', value: 'N', help: 'transfers at once for each registry' },
  'limit-rate': { kind: 'string', value: 'RATE', help: 'bytes per second at most, such as 500kB or 10MB/s' },
  insecure: {
    kind: 'strings',
    value: 'HOST',
    help: 'allow this registry plain HTTP and an untrusted certificate; may be repeated',
  },
  'tls-ca': { kind: 'string', value: 'FILE', help: 'trust the certificate authorities in this PEM file too' },
  'tls-cert': { kind: 'string', value: 'FILE', help: 'client certificate (PEM)' },
  'tls-key': { kind: 'string', value: 'FILE', help: 'key of the client certificate (PEM)' },
  authfile: { kind: 'string', value: 'FILE', help: 'file of credentials to use instead of the usual ones' },
  'no-token-cache': { kind: 'boolean', help: 'neither use nor keep the tokens of registries between runs' },
  config: { kind: 'string', value: 'DIR', help: "folder of docker's config.json" },
  timeout: { kind: 'string', value: 'DURATION', help: 'give up after this time, such as 30s or 5m' },
  help: { kind: 'boolean', short: 'h', help: 'show help for the command' },
} as const satisfies Readonly<Record<string, FlagSpec>>;

/** The flags that only have a meaning without a command. */
export const ROOT_FLAGS = {
  version: { kind: 'boolean', short: 'v', help: 'show the version' },
} as const satisfies Readonly<Record<string, FlagSpec>>;

export interface GlobalFlags {
  readonly store?: string | undefined;
  readonly json: boolean;
  readonly format?: string | undefined;
  readonly quiet: boolean;
  readonly progress: ProgressMode;
  readonly debug: boolean;
  readonly concurrency?: number | undefined;
  /** Bytes per second. */
  readonly limitRate?: number | undefined;
  readonly insecure: readonly string[];
  readonly tlsCa?: string | undefined;
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
  readonly authfile?: string | undefined;
  readonly config?: string | undefined;
  /** False: no tokens of earlier runs, and none for later ones. */
  readonly tokenCache?: boolean | undefined;
  /** Milliseconds. */
  readonly timeout?: number | undefined;
}

const MOST_CONCURRENCY = 128;

/** Checks what the flags say. Throws USAGE. */
export function parseGlobals(flags: FlagValues<typeof GLOBAL_FLAGS>): GlobalFlags {
  const { concurrency } = flags;
  if (flags.json && flags.format !== undefined) {
    throw new HubError('USAGE', '--json and --format exclude each other', {
      hint: '--format json gives one object per line',
    });
  }
  if (
    concurrency !== undefined &&
    !(Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= MOST_CONCURRENCY)
  ) {
    throw new HubError('USAGE', `invalid value "${concurrency}" for --concurrency: want 1 to ${MOST_CONCURRENCY}`);
  }
  return {
    store: flags.store,
    json: flags.json,
    format: flags.format === '' ? undefined : flags.format,
    quiet: flags.quiet,
    progress: flags['no-progress'] ? 'none' : progressMode(flags.progress),
    debug: flags.debug,
    concurrency,
    limitRate: parsed(flags['limit-rate'], (text) => parseSize(text, '--limit-rate')),
    insecure: flags.insecure,
    tlsCa: flags['tls-ca'],
    tlsCert: flags['tls-cert'],
    tlsKey: flags['tls-key'],
    authfile: flags.authfile,
    config: flags.config,
    tokenCache: flags['no-token-cache'] ? false : undefined,
    timeout: parsed(flags.timeout, (text) => parseDuration(text, '--timeout')),
  };
}

const SIZE = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?(?:\/s)?$/i;
const SIZE_POWERS: Readonly<Record<string, number>> = { '': 0, k: 1, m: 2, g: 3, t: 4 };

/** Bytes of `10MB`, `500k` (powers of 1000), `1MiB` (powers of 1024); `/s` may follow. At least 1. Throws USAGE naming the flag. */
export function parseSize(text: string, flag: string): number {
  const [, digits, prefix = '', binary] = SIZE.exec(text.trim()) ?? [];
  const power = SIZE_POWERS[prefix.toLowerCase()] ?? 0;
  const bytes = Math.floor(Number(digits) * (binary ? 1024 : 1000) ** power);
  if (bytes >= 1 && bytes <= Number.MAX_SAFE_INTEGER) return bytes;
  throw new HubError('USAGE', `invalid value "${text}" for ${flag}: want a size such as 500kB, 10MB or 1MiB`);
}

const DURATION = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/;
const DURATION_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** Timers count milliseconds in 31 bits. */
const LONGEST = 2 ** 31 - 1;

/** Milliseconds of `30s`, `5m`, `1h30m`, `500ms`, or of seconds without a unit. More than 0. Throws USAGE naming the flag. */
export function parseDuration(text: string, flag: string): number {
  const value = /^\d+(?:\.\d+)?$/.test(text) ? `${text}s` : text;
  const parts = DURATION.test(value) ? [...value.matchAll(/([\d.]+)(ms|s|m|h|d)/g)] : [];
  const total = parts.reduce((sum, [, digits, unit = '']) => sum + Number(digits) * (DURATION_UNITS[unit] ?? 0), 0);
  if (total >= 1 && total <= LONGEST) return Math.round(total);
  throw new HubError('USAGE', `invalid value "${text}" for ${flag}: want a time such as 500ms, 30s, 5m or 1h30m`);
}

function progressMode(text: string | undefined): ProgressMode {
  return text === 'tty' || text === 'plain' || text === 'none' ? text : 'auto';
}

function parsed<Value>(text: string | undefined, parse: (text: string) => Value): Value | undefined {
  return text === undefined ? undefined : parse(text);
}
