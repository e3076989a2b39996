import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { webLogin } from '../../src/cli/web-login.ts';
import type { Clock } from '../../src/http/clock.ts';
import { newContext } from '../helpers/context.ts';
import { startLocalServer, type LocalServer, type Reply } from '../helpers/local-server.ts';

const CLAIMS = Buffer.from(JSON.stringify({ 'https://hub.docker.com': { username: 'alice' } })).toString('base64url');
const CODE = {
  device_code: 'device',
  user_code: 'ABCD-EFGH',
  verification_uri_complete: 'https://login.example.com/activate?user_code=ABCD-EFGH',
  expires_in: 60,
  interval: 1,
};
const clock: Clock = { now: () => 0, sleep: async () => undefined };

let server: LocalServer;
let refuse: boolean;

const json = (status: number, value: unknown): Reply => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(value),
});

beforeEach(async () => {
  refuse = false;
  server = await startLocalServer(({ url }) => {
    if (url.pathname === '/oauth/device/code') return refuse ? json(401, { error: 'invalid_client' }) : json(200, CODE);
    if (url.pathname === '/oauth/token') return json(200, { access_token: `a.${CLAIMS}.b` });
    return json(201, { data: { token: 'dckr_pat_made' } });
  });
});

afterEach(() => server.stop());

describe('a login in the browser', () => {
  it('shows code and page on stderr and gives the account', async () => {
    const { context, io } = newContext();
    const place = new URL(`${server.origin}/`);
    const account = await webLogin(context, { clientId: 'client', places: { oauth: place, hub: place }, clock });
    expect(account).toEqual({ username: 'alice', password: 'dckr_pat_made' });
    expect(io.stderr.text).toContain('ABCD-EFGH');
    expect(io.stderr.text).toContain('https://login.example.com/activate?user_code=ABCD-EFGH');
    expect(io.stderr.text).not.toContain('dckr_pat_made');
  });

  it('gives way to questions when it cannot start', async () => {
    refuse = true;
    const { context, io } = newContext();
    const place = new URL(`${server.origin}/`);
    const account = await webLogin(context, { clientId: 'client', places: { oauth: place, hub: place }, clock });
    expect(account).toBeUndefined();
    expect(io.stderr.text).toContain('falling back to command line login');
  });
});
