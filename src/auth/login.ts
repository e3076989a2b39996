// Are these credentials good, before they are stored?
import { STATUS_CODES } from 'node:http';
import type { Credential } from '../credentials/credentials.ts';
import { HubError } from '../errors.ts';
import { systemClock, type Clock } from '../http/clock.ts';
import { abortedBy, seconds } from '../http/failure.ts';
import type { HttpResponse, Send } from '../http/layer.ts';
import { collect } from '../util/content.ts';
import { chooseChallenge, parseChallenges, type Challenge } from './challenge.ts';
import { serviceMessage } from './message.ts';
import { checkRealmPin, resolveRealm } from './realm.ts';
import { basicAuthorization, fetchToken } from './token.ts';

export interface LoginOptions {
  /** Sends without stored credentials. */
  readonly send: Send;
  /** `https://localhost:5000`. */
  readonly base: URL;
  readonly credential: Credential;
  readonly clientId: string;
  /** The registry's name in references, for messages and for the token service it is known to have; `base.host` by default. */
  readonly registry?: string | undefined;
  /** Origin of the token service that was accepted at the last login. */
  readonly pinnedRealm?: string | undefined;
  /** Milliseconds for all requests together, 15,000 by default. */
  readonly timeout?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface LoginResult {
  /** To be stored in place of the password. */
  readonly identityToken?: string | undefined;
  /** Origin of the token service that took the credentials, when there is one. */
  readonly realm?: string | undefined;
}

const TIMEOUT = 15_000;
const LONGEST_MESSAGE = 64 * 1024;

/**
 * Asks `/v2/` with the credentials, by Basic or with a token, whichever the registry wants; a refresh token is asked for
 * on the way. Throws UNAUTHORIZED when they are wrong, DENIED, UNSUPPORTED when the address is no registry, REFUSED for an
 * unsafe token service, TIMEOUT, and what `send` throws [docker login].
 */
export async function checkLogin(options: LoginOptions): Promise<LoginResult> {
  const { timeout = TIMEOUT, base } = options;
  const limit = new AbortController();
  const late = new HubError('TIMEOUT', `${base.host} did not answer the login within ${seconds(timeout)}`, {
    details: { host: base.host },
  });
  const timer = setTimeout(() => limit.abort(late), timeout);
  const signal = options.signal ? AbortSignal.any([options.signal, limit.signal]) : limit.signal;
  try {
    return await login(options, signal);
  } catch (error) {
    throw signal.aborted ? abortedBy(signal) : error;
  } finally {
    clearTimeout(timer);
  }
}

async function login(options: LoginOptions, signal: AbortSignal): Promise<LoginResult> {
  const url = new URL('/v2/', options.base);
  const first = await ask(options, url, { signal });
  if (first.status === 200) {
    first.body.cancel();
    return {};
  }
  const challenge =
    first.status === 401 ? chooseChallenge(parseChallenges(first.headers.all('www-authenticate'))) : undefined;
  if (!challenge) throw await failed(first, url);
  first.body.cancel();
  const { authorization, ...result } = await prove(options, challenge, { url, signal });
  const second = await ask(options, url, { signal, authorization });
  if (second.status !== 200) throw await failed(second, url);
  second.body.cancel();
  return result;
}

async function ask(
  options: LoginOptions,
  url: URL,
  how: { readonly signal: AbortSignal; readonly authorization?: string },
): Promise<HttpResponse> {
  const headers = how.authorization === undefined ? {} : { authorization: how.authorization };
  return options.send({ method: 'GET', url, headers, signal: how.signal, anonymous: true });
}

async function prove(
  options: LoginOptions,
  challenge: Challenge,
  { url, signal }: { readonly url: URL; readonly signal: AbortSignal },
): Promise<LoginResult & { readonly authorization: string }> {
  const { credential, clientId, registry = url.host, clock = systemClock, timeout } = options;
  if (credential.kind === 'bearer') return { authorization: `Bearer ${credential.token}` };
  if (challenge.scheme === 'basic') {
    const { username = '' } = credential;
    const secret = credential.kind === 'basic' ? credential.password : credential.token;
    return { authorization: basicAuthorization(username, secret) };
  }
  const { realm: named = '', service } = challenge.parameters;
  const realm = resolveRealm(named, url);
  checkRealmPin(realm, { name: registry, url, pinned: options.pinnedRealm, accepting: true });
  const send: Send = (request) =>
    options.send({ ...request, signal: AbortSignal.any([signal, ...(request.signal ? [request.signal] : [])]) });
  const token = await fetchToken(
    { realm, service, scopes: [], credential, clientId, offline: true, namedBy: url },
    { send, clock, timeout },
  );
  return { authorization: `Bearer ${token.value}`, identityToken: token.refreshToken, realm: realm.origin };
}

async function failed(response: HttpResponse, url: URL): Promise<HubError> {
  const { status, headers } = response;
  const body = await collect(response.body, LONGEST_MESSAGE).catch(() => Buffer.alloc(0));
  const says = serviceMessage(body.toString('utf8'), headers.get('content-type'));
  const text = `login attempt to ${url.href} failed with status: ${status} ${STATUS_CODES[status] ?? ''}`.trimEnd();
  const details = { host: url.host, status };
  const message = says === undefined ? text : `${text}: ${says}`;
  if (status === 401)
    return new HubError('UNAUTHORIZED', message, { hint: 'check the user name and the password or token', details });
  if (status === 403)
    return new HubError('DENIED', message, { hint: 'the account may not use this registry', details });
  if (status === 429) return new HubError('RATE_LIMITED', message, { details });
  if (status >= 500) return new HubError('SERVER_ERROR', message, { details });
  return new HubError('UNSUPPORTED', message, {
    hint: `${url.host} is perhaps no registry; check the address`,
    details,
  });
}
