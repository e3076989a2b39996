// A client for a test registry, whose waits cost no time.
import { authenticate } from '../../src/auth/authenticate.ts';
import type { Credential } from '../../src/credentials/credentials.ts';
import { createRegistryClient, type RegistryClient } from '../../src/endpoints/registry/client.ts';
import type { UploadJournal } from '../../src/endpoints/registry/upload-journal.ts';
import type { TraitMemory } from '../../src/endpoints/registry/traits.ts';
import { repositoryOfPath } from '../../src/endpoints/registry/hosts.ts';
import { createHttp } from '../../src/http/client.ts';
import type { Clock } from '../../src/http/clock.ts';

export interface TestClientOptions {
  readonly credential?: Credential;
  readonly traits?: TraitMemory;
  readonly journal?: UploadJournal;
  readonly onWarning?: (message: string) => void;
}

export interface TestClient extends RegistryClient, AsyncDisposable {
  /** Milliseconds that would have been waited. */
  readonly waits: number[];
}

/** Everything the command line puts together, but for the clock and where credentials come from. */
export function testClient(options: TestClientOptions = {}): TestClient {
  const { journal } = options;
  const waits: number[] = [];
  let waited = 0;
  const clock: Clock = {
    now: () => Date.now() + waited,
    sleep: async (milliseconds) => {
      waits.push(milliseconds);
      waited += milliseconds;
    },
  };
  const { credential } = options;
  const layer = authenticate({
    find: async () => (credential ? { credential, source: 'test' } : undefined),
    registryOf: (url) => ({ registry: url.host, repository: repositoryOfPath(url.pathname) }),
    clientId: 'hubctl',
    clock,
  });
  const http = createHttp({ userAgent: 'hubctl-test', authenticate: layer, clock, random: () => 0.5 });
  const client = createRegistryClient({
    send: http.send,
    originOf: async (host) => new URL(`http://${host}`),
    close: http.close,
    onWarning: options.onWarning,
    traits: options.traits,
    journal: journal && (async () => journal),
    sleep: clock.sleep,
  });
  return { ...client, waits, [Symbol.asyncDispose]: () => http.close() };
}
