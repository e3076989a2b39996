// How is a token fetched from the service that a registry names?
import type { Credential } from '../credentials/credentials.ts';
import { HubError } from '../errors.ts';
import type { Clock } from '../http/clock.ts';
import { abortedBy, seconds } from '../http/failure.ts';
import { parseRetryAfter } from '../http/headers.ts';
import type { HttpBody, HttpRequest, HttpResponse, Send } from '../http/layer.ts';
import { collect, contentOf } from '../util/content.ts';
import { isRecord, parseJson } from '../util/json.ts';
import { serviceMessage } from './message.ts';

export interface TokenRequest {
  readonly realm: URL;
  readonly service: string | undefined;
  readonly scopes: readonly string[];
  readonly credential: Credential | undefined;
  readonly clientId: string;
  /** Ask for a refresh token as well, as a login does. */
  readonly offline?: boolean | undefined;
  /** The registry whose challenge named the realm. */
  readonly namedBy: URL;
}

export interface Token {
  readonly value: string;
  /** Milliseconds since 1970 from which on it is no longer used. */
  readonly expires: number;
  readonly refreshToken?: string | undefined;
}

export interface TokenOptions {
  readonly send: Send;
  readonly clock: Clock;
  /** Milliseconds for the whole exchange, 15,000 by default. */
  readonly timeout?: number | undefined;
}

const TIMEOUT = 15_000;
const LARGEST_ANSWER = 64 * 1024;
/** Seconds. A token service that says nothing, or less, means this [distribution token spec]. */
const SHORTEST_LIFE = 60;
const LONGEST_LIFE = 24 * 60 * 60;
/** Milliseconds before its end at which a token is no longer used, so that it does not expire on its way. */
const MARGIN = 10_000;
/** Answers to a POST that mean that only GET is understood, or that the secret is no refresh token. */
const POST_REFUSED: ReadonlySet<number> = new Set([400, 401, 404, 405]);

/**
 * A token for the scopes. A refresh token is sent by POST, falling back to GET where the user is known; a password by GET
 * with Basic; nothing for anonymous [distribution token authentication, OAuth2]. Throws UNAUTHORIZED and DENIED with the message of the service,
 * RATE_LIMITED, SERVER_ERROR (an answer that is no token, an overloaded service), TIMEOUT, and what `send` throws.
 */
export async function fetchToken(request: TokenRequest, options: TokenOptions): Promise<Token> {
  const { timeout = TIMEOUT } = options;
  const host = request.realm.host;
  const limit = new AbortController();
  const late = new HubError('TIMEOUT', `the token service ${host} did not answer within ${seconds(timeout)}`, {
    details: { host, reason: 'token-timeout' },
  });
  const timer = setTimeout(() => limit.abort(late), timeout);
  try {
    const response = await exchange(request, options.send, limit.signal);
    return await readToken(response, request, options.clock);
  } catch (error) {
    throw limit.signal.aborted ? abortedBy(limit.signal) : error;
  } finally {
    clearTimeout(timer);
  }
}

async function exchange(request: TokenRequest, send: Send, signal: AbortSignal): Promise<HttpResponse> {
  const { credential, namedBy } = request;
  const common = { signal, namedBy, anonymous: true };
  if (credential?.kind !== 'identity') return send({ ...common, ...getRequest(request, credential) });
  const response = await send({ ...common, ...postRequest(request, credential.token) });
  if (credential.username === undefined || !POST_REFUSED.has(response.status)) return response;
  response.body.cancel();
  const password = { kind: 'basic', username: credential.username, password: credential.token } as const;
  return send({ ...common, ...getRequest(request, password) });
}

function getRequest(request: TokenRequest, credential: Credential | undefined): HttpRequest {
  const url = new URL(request.realm);
  if (request.service !== undefined) url.searchParams.set('service', request.service);
  for (const scope of request.scopes) url.searchParams.append('scope', scope);
  if (request.offline) {
    url.searchParams.set('offline_token', 'true');
    url.searchParams.set('client_id', request.clientId);
  }
  if (credential?.kind !== 'basic') return { method: 'GET', url };
  url.searchParams.set('account', credential.username);
  return {
    method: 'GET',
    url,
    headers: { authorization: basicAuthorization(credential.username, credential.password) },
  };
}

function postRequest(request: TokenRequest, refreshToken: string): HttpRequest {
  const form = new URLSearchParams({
    grant_type: 'refresh_token',
    service: request.service ?? request.realm.host,
    client_id: request.clientId,
    refresh_token: refreshToken,
  });
  if (request.scopes.length > 0) form.set('scope', request.scopes.join(' '));
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  return { method: 'POST', url: request.realm, headers, body: bodyOf(form.toString()) };
}

function bodyOf(text: string): HttpBody {
  const bytes = Buffer.from(text);
  return { length: bytes.length, open: async () => contentOf(bytes) };
}

/** The value of an Authorization header for a user and a password. */
export function basicAuthorization(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

async function readToken(response: HttpResponse, request: TokenRequest, clock: Clock): Promise<Token> {
  const bytes = await collect(response.body, LARGEST_ANSWER).catch((error: unknown) => {
    throw HubError.is(error, 'CONTENT_INVALID') ? nonsense(request, 'an answer that is too large') : error;
  });
  const text = bytes.toString('utf8');
  if (response.status !== 200) throw refusal(response, text, { request, clock });
  const value = parseAnswer(text, request);
  const token = textOf(value['access_token']) ?? textOf(value['token']);
  if (token === undefined) throw nonsense(request, 'an answer without a token');
  if (!/^[\x21-\x7e]+$/.test(token)) throw nonsense(request, 'a token that cannot be sent');
  return {
    value: token,
    expires: clock.now() + lifeOf(value, response, clock) * 1000 - MARGIN,
    refreshToken: textOf(value['refresh_token']),
  };
}

function parseAnswer(text: string, request: TokenRequest): Record<string, unknown> {
  if (/^\s*</.test(text)) throw nonsense(request, 'a web page instead of a token');
  try {
    const value = parseJson(text, 'the answer of a token service');
    if (isRecord(value)) return value;
  } catch (error) {
    throw nonsense(request, 'an answer that is not JSON', error);
  }
  throw nonsense(request, 'an answer that is not JSON');
}

/** Seconds that are left. Only the clock of the service is used to see how old the token is, since ours may be wrong. */
function lifeOf(value: Record<string, unknown>, response: HttpResponse, clock: Clock): number {
  // Some services write the number as text. Anything else may not even be made a number.
  const says = value['expires_in'];
  const declared = typeof says === 'number' || typeof says === 'string' ? Number(says) : Number.NaN;
  const life = declared > SHORTEST_LIFE ? Math.min(declared, LONGEST_LIFE) : SHORTEST_LIFE;
  const date = Date.parse(response.headers.get('date') ?? '');
  const issued = Date.parse(textOf(value['issued_at']) ?? '');
  const age = ((Number.isNaN(date) ? clock.now() : date) - issued) / 1000;
  return age > 0 && age < life - MARGIN / 1000 ? life - age : life;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function refusal(response: HttpResponse, text: string, context: { request: TokenRequest; clock: Clock }): HubError {
  const { realm, scopes, credential } = context.request;
  const { status } = response;
  const says = serviceMessage(text, response.headers.get('content-type'));
  const explained = says === undefined ? '' : `: ${says}`;
  const details = { host: realm.host, status, scopes };
  if (status === 429 || status === 408 || status >= 500) {
    const retryAfter = parseRetryAfter(response.headers.get('retry-after'), context.clock.now());
    const code = status === 429 ? 'RATE_LIMITED' : 'SERVER_ERROR';
    return new HubError(code, `the token service ${realm.host} answered ${status}${explained}`, {
      details: { ...details, ...(retryAfter !== undefined && { retryAfter }) },
    });
  }
  const what = credential === undefined ? 'gives no token without a login' : 'refused the login';
  const code = status === 403 ? 'DENIED' : 'UNAUTHORIZED';
  return new HubError(code, `the token service ${realm.host} ${what} (${status})${explained}`, { details });
}

function nonsense(request: TokenRequest, what: string, cause?: unknown): HubError {
  const { host } = request.realm;
  return new HubError('SERVER_ERROR', `the token service ${host} gave ${what}`, {
    cause,
    hint: 'is a proxy or a login page of the network in between?',
    details: { host, retry: false },
  });
}
