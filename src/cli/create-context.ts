// How do flags and environment become what a command works with?
import { resolve } from 'node:path';
import { createDefaults, defaultStoreDir } from '../defaults.ts';
import { HubError } from '../errors.ts';
import type { DialledAhead } from '../http/dial-ahead.ts';
import type { Context } from './context.ts';
import type { GlobalFlags } from './globals.ts';
import type { Io } from './io.ts';
import { createOutput } from './output/create.ts';

/** Milliseconds of a wait that nobody notices. */
const SOON = 50;

/** Nothing is read or opened before a command asks for it. */
export function createContext(io: Io, globals: GlobalFlags, ahead?: DialledAhead): Context {
  const at = (path: string | undefined): string | undefined => (path === undefined ? undefined : resolve(io.cwd, path));
  const { json, quiet, format, progress, debug } = globals;
  const output = createOutput({ io, json, quiet, format, progress });
  const storeDir = at(globals.store) ?? resolve(io.cwd, defaultStoreDir(io));
  const authfile = at(globals.authfile);
  const signal = globals.timeout === undefined ? io.signal : AbortSignal.any([io.signal, deadline(globals.timeout)]);
  const defaults = createDefaults({
    env: io.env,
    home: io.home,
    platform: io.platform,
    storeDir,
    configDir: at(globals.config),
    authfile,
    insecure: globals.insecure,
    tlsCa: at(globals.tlsCa),
    tlsCert: at(globals.tlsCert),
    tlsKey: at(globals.tlsKey),
    limitRate: globals.limitRate,
    tokenCache: globals.tokenCache,
    ahead,
    signal,
    network: io.network,
    processEnds: io.processEnds,
    trace: debug ? (line) => void io.stderr.write(`${line}\n`) : undefined,
    onRetry: ({ url, delay, message }) =>
      output.note(`${message}; trying ${url} again ${delay < SOON ? 'at once' : `in ${(delay / 1000).toFixed(1)} s`}`),
    onWaiting: ({ host, seconds }) => output.note(`waiting for ${host} to check what it was sent (${seconds} s)`),
    onWarning: (message) => output.warn(message),
  });
  return {
    // A copy would open all standard streams.
    io: signal === io.signal ? io : { ...io, signal },
    signal,
    settings: { storeDir, concurrency: globals.concurrency, debug, authfile },
    output,
    store: () => defaults.store(),
    registries: () => defaults.registries(),
    credentials: () => defaults.credentials(),
    network: (host) => defaults.network(host),
    forgetTokens: (registry) => defaults.forgetTokens(registry),
    acceptRealm: async (registry, realm) => (await defaults.realms()).pin(registry, realm),
    close: async () => defaults[Symbol.asyncDispose](),
  };
}

/** --timeout bounds the whole command. */
function deadline(milliseconds: number): AbortSignal {
  const controller = new AbortController();
  const reason = new HubError('TIMEOUT', `gave up after ${milliseconds / 1000} s`, {
    hint: 'give it more time with --timeout; partial downloads are kept',
  });
  setTimeout(() => controller.abort(reason), milliseconds).unref();
  return controller.signal;
}
