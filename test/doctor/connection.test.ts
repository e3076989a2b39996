import { expect, onTestFinished, test } from 'vitest';
import { examineRoute } from '../../src/doctor/connection.ts';
import type { Step } from '../../src/doctor/step.ts';
import type { HttpOptions } from '../../src/http/client.ts';
import { issueCertificate } from '../helpers/certificates.ts';
import { startLocalServer, type LocalServerOptions } from '../helpers/local-server.ts';

const lookup: HttpOptions['lookup'] = async () => [{ address: '127.0.0.1', family: 4 }];

/** The way to a server on this machine that has a name of its own. */
async function walk(
  server: LocalServerOptions,
  http: Partial<HttpOptions> = {},
): Promise<{ steps: Step[]; origin: unknown }> {
  const { host, stop } = await startLocalServer(() => ({ status: 200 }), server);
  onTestFinished(stop);
  const name = `registry.example:${host.split(':')[1]}`;
  const options = { userAgent: 'hubctl/test', lookup, tls: { systemBundles: [] }, ...http };
  const route = examineRoute({ registry: name, host: name, http: options });
  const steps: Step[] = [];
  for (;;) {
    const { done, value } = await route.next();
    if (done) return { steps, origin: value };
    steps.push(value);
  }
}

test('a server of plain http where https is wanted is told as such', async () => {
  const { steps, origin } = await walk({});
  expect(origin).toBeUndefined();
  expect(steps.at(-1)).toMatchObject({
    name: 'tls',
    state: 'failed',
    message: expect.stringContaining('speaks plain HTTP') as string,
  });
});

test('plain http is used where it was allowed', async () => {
  const { steps, origin } = await walk({}, { insecure: () => true });
  expect(steps.at(-1)).toMatchObject({
    name: 'connect',
    state: 'ok',
    message: expect.stringContaining('without encryption') as string,
  });
  expect(origin).toMatchObject({ protocol: 'http:' });
});

test('a certificate that is not checked is told as such', async () => {
  const { key, certificate: cert } = issueCertificate({ name: 'anybody', hosts: ['other.example'] });
  const { steps } = await walk({ tls: { key, cert } }, { insecure: () => true });
  expect(steps.at(-1)).toMatchObject({
    name: 'tls',
    state: 'ok',
    message: expect.stringMatching(/^TLSv1\.3, .*NOT CHECKED/) as string,
  });
});

test('a certificate for another host is told with the name it is for', async () => {
  const { key, certificate: cert } = issueCertificate({ name: 'other', hosts: ['other.example'] });
  const { steps } = await walk({ tls: { key, cert } });
  expect(steps.at(-1)).toMatchObject({ name: 'tls', state: 'failed', code: 'TLS' });
});

test('the addresses of a name are told, and not too many of them', async () => {
  const many: HttpOptions['lookup'] = async () =>
    Array.from({ length: 9 }, (_, at) => ({ address: `127.0.0.${at + 1}`, family: 4 }));
  const { steps } = await walk({}, { lookup: many, insecure: () => true });
  expect(steps[1]?.message).toBe('registry.example is 127.0.0.1, 127.0.0.2, 127.0.0.3 and 6 more');
});
