// How does one set of connections, tokens and credentials serve many repositories?
import { systemClock } from '../../http/clock.ts';
import { parseWarning } from '../../http/headers.ts';
import type { Send } from '../../http/layer.ts';
import { familiarName } from '../../spec/reference.ts';
import type { Sleep } from './access.ts';
import { apiHost } from './hosts.ts';
import { RegistryHost } from './host.ts';
import { RegistryEndpoint } from './registry.ts';
import { traitsInMemory, type TraitMemory } from './traits.ts';
import type { UploadJournal } from './upload-journal.ts';

export interface RegistryClientOptions {
  /** Sends with the user's credentials, retries and redirects. */
  readonly send: Send;
  /** The origin of a host, with the scheme that works. */
  readonly originOf: (host: string) => Promise<URL>;
  /** Where a repository's host is asked first, before it is known which scheme works; `originOf` by default. */
  readonly askAt?: ((host: string) => URL | Promise<URL>) | undefined;
  readonly close: () => Promise<void>;
  /** Opens connections to a host, `count` or a few, ahead of the requests that will need them. Never throws. */
  readonly warm?: ((host: string, count?: number) => void) | undefined;
  /** Milliseconds that the quickest answer of a host took to begin; undefined before there was one. */
  readonly delay?: ((host: string) => number | undefined) | undefined;
  readonly onWarning?: ((message: string) => void) | undefined;
  /** Waits some milliseconds before a broken upload goes on; a test supplies its own. */
  readonly sleep?: Sleep | undefined;
  /** What registries were found to be able to do; by default remembered as long as this client. */
  readonly traits?: TraitMemory | undefined;
  /** Where uploads are noted, so that the next run can go on with them; nowhere by default. */
  readonly journal?: (() => Promise<UploadJournal>) | undefined;
}

export interface RegistryClient {
  /** A repository as an endpoint. `registry` is canonical (`docker.io`), `repository` whole (`library/ubuntu`). */
  repository(registry: string, repository: string): RegistryEndpoint;
  registry(registry: string): RegistryHost;
  readonly send: Send;
  /** Ends idle connections, so that the process can exit. */
  close(): Promise<void>;
}

export function createRegistryClient(options: RegistryClientOptions): RegistryClient {
  const { originOf, askAt = originOf, close, sleep = systemClock.sleep, traits = traitsInMemory(), journal } = options;
  const warn = warnOnce(options.onWarning);
  const send = listening(options.send, warn);
  const base = (registry: string) => (): Promise<URL> => originOf(apiHost(registry));
  const sendAnonymous: Send = (request) => send({ ...request, anonymous: true });
  return {
    send,
    close,
    registry: (name) => new RegistryHost({ name, send, sendAnonymous, base: base(name) }),
    repository: (registry, repository) => {
      // The API's host is not the registry's name: without it, official images would not be found [distribution reference].
      if (registry === apiHost('docker.io'))
        warn(`${registry} is not expanded as docker.io is; did you mean docker.io/${repository}?`);
      return new RegistryEndpoint({
        name: familiarName({ registry, repository }),
        registry,
        repository,
        send,
        url: async (path) => new URL(`${(await askAt(apiHost(registry))).origin}/v2/${repository}/${path}`),
        warn,
        sleep,
        traits,
        journal,
        warm: (count) => options.warm?.(apiHost(registry), count),
        delay: () => options.delay?.(apiHost(registry)),
      });
    },
  };
}

function warnOnce(onWarning: RegistryClientOptions['onWarning']): (message: string) => void {
  const told = new Set<string>();
  return (message) => {
    if (told.has(message)) return;
    told.add(message);
    onWarning?.(message);
  };
}

/** Shows what a registry has to say to its users [distribution-spec Warnings]. */
function listening(send: Send, warn: (message: string) => void): Send {
  return async (request) => {
    const response = await send(request);
    const texts = response.headers.all('warning');
    if (texts.length > 0) for (const text of parseWarning(texts)) warn(`${response.url.host} says: ${text}`);
    return response;
  };
}
