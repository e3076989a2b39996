import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHttp, type Http } from '../../src/http/client.ts';
import type { Clock } from '../../src/http/clock.ts';
import { finishDeviceLogin, startDeviceLogin, type DeviceLoginOptions } from '../../src/hub/device-login.ts';
import { startLocalServer, type LocalServer, type Reply } from '../helpers/local-server.ts';

const CLAIMS = Buffer.from(JSON.stringify({ 'https://hub.docker.com': { username: 'alice' } })).toString('base64url');
const ACCESS = `head.${CLAIMS}.signature`;
const CODE = {
  device_code: 'device',
  user_code: 'ABCD-EFGH',
  verification_uri: 'https://login.example.com/activate',
  expires_in: 60,
  interval: 5,
};

let server: LocalServer;
let http: Http;
let bodies: string[];
let waits: number[];
/** Answers of the token endpoint, one after another; the last one stays. */
let tokens: Reply[];
let code: Reply;

const json = (status: number, value: unknown): Reply => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(value),
});
const pending = json(403, { error: 'authorization_pending' });

beforeEach(async () => {
  [bodies, waits, tokens, code] = [[], [], [json(200, { access_token: ACCESS })], json(200, CODE)];
  server = await startLocalServer(async (request) => {
    bodies.push((await request.bytes()).toString());
    switch (request.url.pathname) {
      case '/oauth/device/code':
        return code;
      case '/oauth/token':
        return tokens.length > 1 ? (tokens.shift() ?? pending) : (tokens[0] ?? pending);
      default:
        return json(201, { data: { token: 'dckr_pat_made' } });
    }
  });
  http = createHttp({ userAgent: 'hubctl-test' });
});

afterEach(async () => {
  await http.close();
  await server.stop();
});

function options(): DeviceLoginOptions {
  let now = 0;
  const clock: Clock = {
    now: () => now,
    sleep: async (milliseconds) => {
      waits.push(milliseconds);
      now += milliseconds;
    },
  };
  const place = new URL(`${server.origin}/`);
  return { send: http.send, clock, clientId: 'client', places: { oauth: place, hub: place } };
}

async function login(): Promise<{ username: string; password: string }> {
  return finishDeviceLogin(options(), await startDeviceLogin(options()));
}

describe('a login in the browser', () => {
  it('gives the user of the access token and a token made for this program', async () => {
    expect(await login()).toEqual({ username: 'alice', password: 'dckr_pat_made' });
    const [asked] = server.requests({ path: '/v2/access-tokens/desktop-generate' });
    expect(asked?.headers.authorization).toBe(`Bearer ${ACCESS}`);
  });

  it('shows the code and the page that came', async () => {
    expect(await startDeviceLogin(options())).toMatchObject({
      userCode: 'ABCD-EFGH',
      page: 'https://login.example.com/activate',
      interval: 5000,
      expiresIn: 60_000,
    });
    expect(new URLSearchParams(bodies[0]).get('client_id')).toBe('client');
  });

  it('asks again at the pace it was told, and slower when told so', async () => {
    tokens = [pending, json(403, { error: 'slow_down' }), json(200, { access_token: ACCESS })];
    await login();
    expect(waits).toEqual([5000, 5000, 10_000]);
  });

  it('ends when the user refuses', async () => {
    tokens = [json(403, { error: 'access_denied', error_description: 'the user said no' })];
    await expect(login()).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
      message: expect.stringContaining('the user said no') as string,
    });
  });

  it('ends when the code has expired', async () => {
    tokens = [pending];
    await expect(login()).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect(waits.length).toBeLessThan(15);
  });

  it('does not start with a client that is not accepted', async () => {
    code = json(401, { error: 'invalid_client' });
    await expect(login()).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
  });

  it('shows no page that is not https', async () => {
    code = json(200, { ...CODE, verification_uri: 'http://login.example.com/' });
    await expect(login()).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
  });

  it('ends when the access token names nobody', async () => {
    tokens = [json(200, { access_token: `head.${Buffer.from('{}').toString('base64url')}.x` })];
    await expect(login()).rejects.toMatchObject({ code: 'CONTENT_INVALID' });
  });
});
