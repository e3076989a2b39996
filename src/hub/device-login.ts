// How does somebody log in to Docker Hub in a browser, and this program get a token for it?
import { serviceMessage } from '../auth/message.ts';
import { HubError } from '../errors.ts';
import type { Clock } from '../http/clock.ts';
import type { HttpRequest, Send } from '../http/layer.ts';
import { collect, contentOf } from '../util/content.ts';
import { isRecord, parseJson } from '../util/json.ts';
import { safeText } from '../util/text.ts';

/** Where Docker Hub logs people in, and where it gives out tokens. */
const HUB_LOGIN: HubLoginPlaces = {
  oauth: new URL('https://login.docker.com/'),
  hub: new URL('https://hub.docker.com/'),
};

export interface HubLoginPlaces {
  readonly oauth: URL;
  readonly hub: URL;
}

export interface DeviceLoginOptions {
  /** Must add no credentials. */
  readonly send: Send;
  readonly clock: Clock;
  /** A client that the user registered; programs do not share theirs. */
  readonly clientId: string;
  readonly places?: HubLoginPlaces | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface DeviceCode {
  /** What to type, or compare, in the browser. */
  readonly userCode: string;
  /** The page to open. */
  readonly page: string;
  readonly deviceCode: string;
  /** Milliseconds between two questions. */
  readonly interval: number;
  /** Milliseconds for which the code is good. */
  readonly expiresIn: number;
}

const LIMIT = 64 * 1024; // bytes of an answer
const DEFAULT_INTERVAL = 5_000;
const LONGEST = 15 * 60_000;
const GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

/** Asks for a code [RFC 8628 3.1]. Throws UNAUTHORIZED where the client is not accepted, and what requests throw. */
export async function startDeviceLogin(options: DeviceLoginOptions): Promise<DeviceCode> {
  const { oauth } = options.places ?? HUB_LOGIN;
  const fields = { client_id: options.clientId, audience: 'https://hub.docker.com', scope: 'openid offline_access' };
  const answer = await post(options, new URL('oauth/device/code', oauth), fields);
  const { device_code: deviceCode, user_code: userCode } = answer.document;
  const page = answer.document['verification_uri_complete'] ?? answer.document['verification_uri'];
  if (answer.status !== 200 || typeof deviceCode !== 'string' || typeof userCode !== 'string') throw refused(answer);
  if (typeof page !== 'string' || !page.startsWith('https://')) throw refused(answer);
  return {
    deviceCode,
    userCode: safeText(userCode),
    page: safeText(page),
    interval: milliseconds(answer.document['interval']) ?? DEFAULT_INTERVAL,
    expiresIn: Math.min(milliseconds(answer.document['expires_in']) ?? LONGEST, LONGEST),
  };
}

/**
 * Waits until the user has logged in, and gives a Hub access token as password of the account [RFC 8628 3.4; Docker Hub
 * API]. Throws TIMEOUT when the code expired, UNAUTHORIZED when the user refused.
 */
export async function finishDeviceLogin(
  options: DeviceLoginOptions,
  code: DeviceCode,
): Promise<{ readonly username: string; readonly password: string }> {
  const access = await pollForToken(options, code);
  const { hub } = options.places ?? HUB_LOGIN;
  const headers = { authorization: `Bearer ${access}`, 'content-type': 'application/json' };
  const url = new URL('v2/access-tokens/desktop-generate', hub);
  const answer = await request(options, { method: 'POST', url, headers, repeatable: false });
  const data = answer.document['data'];
  const password = isRecord(data) ? data['token'] : undefined;
  if (answer.status !== 201 || typeof password !== 'string') throw refused(answer);
  return { username: usernameIn(access), password };
}

async function pollForToken(options: DeviceLoginOptions, code: DeviceCode): Promise<string> {
  const { clock, signal, clientId } = options;
  const url = new URL('oauth/token', (options.places ?? HUB_LOGIN).oauth);
  const fields = { client_id: clientId, grant_type: GRANT, device_code: code.deviceCode };
  const end = clock.now() + code.expiresIn;
  let { interval } = code;
  while (clock.now() < end) {
    await clock.sleep(interval, signal);
    const answer = await post(options, url, fields);
    const token = answer.document['access_token'];
    if (answer.status === 200 && typeof token === 'string') return token;
    const error = answer.document['error'];
    if (error === 'slow_down') interval += DEFAULT_INTERVAL;
    else if (error !== 'authorization_pending') throw refused(answer);
  }
  throw new HubError('TIMEOUT', 'the code expired before the login was completed in the browser', {
    hint: 'start again: hubctl login',
  });
}

interface Answer {
  readonly status: number;
  readonly host: string;
  /** What the service says, made harmless; for a refusal. */
  readonly said: string | undefined;
  readonly document: Readonly<Record<string, unknown>>;
}

function post(options: DeviceLoginOptions, url: URL, fields: Readonly<Record<string, string>>): Promise<Answer> {
  const bytes = Buffer.from(new URLSearchParams(fields).toString());
  const headers = { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' };
  const body = { length: bytes.length, open: async () => contentOf(bytes) };
  return request(options, { method: 'POST', url, headers, body });
}

async function request({ send, signal }: DeviceLoginOptions, sent: HttpRequest): Promise<Answer> {
  const response = await send({ ...sent, signal, anonymous: true });
  const text = (await collect(response.body, LIMIT, `answer of ${sent.url.host}`)).toString('utf8');
  const { host } = sent.url;
  const answer = { status: response.status, host, said: serviceMessage(text, response.headers.get('content-type')) };
  if (!text.trimStart().startsWith('{')) return { ...answer, document: {} };
  const document = parseJson(text, `answer of ${host}`);
  return { ...answer, document: isRecord(document) ? document : {} };
}

function refused({ status, host, said }: Answer): HubError {
  const reason = said === undefined ? '' : `: ${said}`;
  return new HubError('UNAUTHORIZED', `${host} did not complete the login (${status})${reason}`, {
    hint: 'use a user name and an access token instead: hubctl login -u NAME',
    details: { host, status },
  });
}

/** The claims of the token are not checked: the registry does that when the account is used. */
function usernameIn(token: string): string {
  const claims = parseJson(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'), 'access token');
  const hub = isRecord(claims) ? claims['https://hub.docker.com'] : undefined;
  const username = isRecord(hub) ? hub['username'] : undefined;
  if (typeof username === 'string' && username !== '') return username;
  throw new HubError('CONTENT_INVALID', 'the access token of Docker Hub names no user');
}

function milliseconds(seconds: unknown): number | undefined {
  return typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : undefined;
}
