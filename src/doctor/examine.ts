// What stands between this user and an image?
import { usernameOf } from '../credentials/entry.ts';
import type { CredentialAccess } from '../credentials/access.ts';
import { apiHost } from '../endpoints/registry/hosts.ts';
import { createHttp, type HttpOptions } from '../http/client.ts';
import type { Send } from '../http/layer.ts';
import { examineRoute, ping, type Route } from './connection.ts';
import { examineImage } from './image.ts';
import { examinePermission } from './permission.ts';
import { attempt, isStep, ok, type Step } from './step.ts';

export interface RegistryQuestion {
  /** Canonical: `docker.io`, `localhost:5000`. */
  readonly registry: string;
  /** Undefined for the registry as a whole. */
  readonly repository?: string | undefined;
  /** Tag or digest. */
  readonly reference?: string | undefined;
  readonly credentials: CredentialAccess;
  /** How requests to a host are sent: proxies, certificates. Throws CONFIG_INVALID. */
  readonly network: (host: string) => Promise<HttpOptions>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Walks the way from the stored credentials to the manifest, one step after the other, and ends with the first that
 * fails. Sends credentials only where a pull would. Throws ABORTED, and bugs.
 */
export async function* examineRegistry(question: RegistryQuestion): AsyncGenerator<Step, void> {
  const { registry, repository, credentials, signal } = question;
  const found = await attempt('credentials', () => credentials.find(registry, repository));
  if (isStep(found)) return void (yield found);
  const account = found ? `${usernameOf(found.credential)}, from ${found.source}` : 'none, requests are anonymous';
  yield ok('credentials', account);
  const host = apiHost(registry);
  const options = await attempt('proxy', () => question.network(host));
  if (isStep(options)) return void (yield options);
  const route: Route = { registry, host, http: options, signal };
  const origin = yield* examineRoute(route);
  if (!origin) return;
  // Once more is tried, not six times: whoever asks a doctor waits for the answer.
  const http = createHttp({ ...options, tries: 2, authenticate: undefined });
  try {
    yield* examineContent(question, { route, origin, send: http.send, credential: found?.credential });
  } finally {
    await http.close();
  }
}

interface Reached {
  readonly route: Route;
  readonly origin: URL;
  readonly send: Send;
  readonly credential: Parameters<typeof usernameOf>[0] | undefined;
}

async function* examineContent(question: RegistryQuestion, reached: Reached): AsyncGenerator<Step, void> {
  const { registry, repository, reference, signal } = question;
  const { route, origin, send, credential } = reached;
  const { step, answer } = await ping(origin, route, send);
  yield step;
  if (!answer) return;
  const permission = yield* examinePermission(answer, { registry, repository, credential, send, signal });
  if (!permission || repository === undefined || reference === undefined) return;
  const { authorization } = permission;
  const isLoggedIn = credential !== undefined;
  yield* examineImage({ origin, registry, repository, reference, authorization, isLoggedIn, send, signal });
}
