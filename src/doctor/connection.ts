// Can the host of a registry be reached, and is it one?
import { lookup as systemLookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { TLSSocket } from 'node:tls';
import { wireError } from '../endpoints/registry/errors.ts';
import { HubError } from '../errors.ts';
import { bareHost } from '../http/addresses.ts';
import type { HttpOptions } from '../http/client.ts';
import { systemClock } from '../http/clock.ts';
import { Connector } from '../http/connect.ts';
import { failureOf } from '../http/failure.ts';
import type { HttpResponse, Send } from '../http/layer.ts';
import { createOrigins } from '../http/origin.ts';
import { proxyFor } from '../http/proxy.ts';
import { attempt, failed, isStep, ok, type Step } from './step.ts';

export interface Route {
  /** Canonical name: `docker.io`. */
  readonly registry: string;
  /** Host and port to connect to. */
  readonly host: string;
  readonly http: HttpOptions;
  readonly signal?: AbortSignal | undefined;
}

/** Steps on the way to the host; gives its origin unless one of them failed. */
export async function* examineRoute(route: Route): AsyncGenerator<Step, URL | undefined> {
  const proxy = await attempt('proxy', async () => proxyFor(new URL(`https://${route.host}/`), route.http.proxy ?? {}));
  if (isStep(proxy)) return void (yield proxy);
  yield ok(
    'proxy',
    proxy === undefined ? 'none, the connection is direct' : `by way of ${proxy.protocol}//${proxy.host}`,
  );
  const name = await nameStep(proxy ?? new URL(`https://${route.host}/`), route.http);
  yield name;
  if (name.state === 'failed') return undefined;
  const origin = await attempt('connect', () => createOrigins(route.http).originOf(route.host));
  if (isStep(origin)) return void (yield origin);
  const opened = await connectionStep(origin, route.http);
  yield opened;
  return opened.state === 'ok' ? origin : undefined;
}

async function nameStep(url: URL, http: HttpOptions): Promise<Step> {
  const host = bareHost(url.hostname);
  if (isIP(host) !== 0) return ok('name', `${host} is an address`);
  const result = await attempt('name', async () => {
    try {
      const look = http.lookup ?? ((name: string) => systemLookup(name, { all: true }));
      return [...(await look(host))];
    } catch (error) {
      throw failureOf(error, { host });
    }
  });
  if (isStep(result)) return result;
  const addresses = [...new Set(result.map(({ address }) => address))];
  const shown = addresses.slice(0, 3).join(', ');
  return ok('name', `${host} is ${shown}${addresses.length > 3 ? ` and ${addresses.length - 3} more` : ''}`);
}

async function connectionStep(origin: URL, http: HttpOptions): Promise<Step> {
  const { clock = systemClock, timeouts = {} } = http;
  const connector = new Connector({
    ...http,
    clock,
    connectTimeout: timeouts.connect,
    handshakeTimeout: timeouts.handshake,
  });
  const isTls = origin.protocol === 'https:';
  try {
    const socket = await connector.open(origin);
    const message =
      socket instanceof TLSSocket ? describeTls(socket) : `${origin.host} speaks plain http, without encryption`;
    socket.destroy();
    return ok(isTls ? 'tls' : 'connect', message);
  } catch (error) {
    if (!HubError.is(error) || error.code === 'ABORTED') throw error;
    return failed(error.code === 'TLS' ? 'tls' : 'connect', error);
  } finally {
    connector.close();
  }
}

function describeTls(socket: TLSSocket): string {
  const { issuer, valid_to: end } = socket.getPeerCertificate();
  const by = issuer?.O ?? issuer?.CN;
  const checked = socket.authorized ? '' : ', NOT CHECKED because of --insecure';
  return `${socket.getProtocol() ?? 'TLS'}, certificate${by === undefined ? '' : ` of ${String(by)}`} until ${end}${checked}`;
}

export interface Ping {
  readonly step: Step;
  /** The answer to a request without credentials, drained; undefined when it is not that of a registry. */
  readonly answer?: HttpResponse | undefined;
}

/** Asks `/v2/` without credentials: a registry lets everybody in, or says how to log in [distribution-spec end-1]. */
export async function ping(origin: URL, { registry, signal }: Route, send: Send): Promise<Ping> {
  const answer = await attempt('ping', () => askBase(origin, registry, { send, signal }));
  if (isStep(answer)) return { step: answer };
  const meaning = answer.status === 200 ? 'it lets everybody in' : 'it wants a login';
  return { answer, step: ok('ping', `${answer.url.origin}/v2/ answered ${answer.status}: ${meaning}`) };
}

async function askBase(
  origin: URL,
  registry: string,
  { send, signal }: { readonly send: Send; readonly signal: AbortSignal | undefined },
): Promise<HttpResponse> {
  const answer = await send({ method: 'GET', url: new URL('/v2/', origin), anonymous: true, signal });
  const isPage = (answer.headers.get('content-type') ?? '').startsWith('text/html');
  if (isPage && answer.status < 400) {
    answer.body.cancel();
    throw new HubError('SERVER_ERROR', `${answer.url.host} answered with a web page, not as a registry`, {
      hint: 'open the address in a browser: a portal of this network may want a login; or set HTTPS_PROXY',
    });
  }
  if (answer.status === 404) {
    answer.body.cancel();
    throw new HubError('UNSUPPORTED', `${answer.url.host} has no /v2/, so it is no registry`, {
      hint: 'check the host name and the port',
    });
  }
  if (answer.status === 200 || answer.status === 401) {
    answer.body.cancel();
    return answer;
  }
  throw await wireError(answer, { operation: `ask ${registry}`, subject: registry, registry, method: 'GET' });
}
