import { once } from 'node:events';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';

import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer, type SecureContext } from 'node:tls';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { createTrust, tlsFromEnvironment } from '../../src/http/tls.ts';
import { issueCertificate, type Issued } from '../helpers/certificates.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { CA_FILE, CLIENT_CERT_FILE, CLIENT_KEY_FILE } from '../helpers/web.ts';

const HOST = 'reg.example:5000';
let root = '';

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hubctl-tls-'));
});

afterEach(async () => {
  await rm(root, { recursive: true });
});

function hostDirectory(name = HOST): string {
  const path = join(root, name);
  mkdirSync(path);
  return path;
}

async function isTrusted({ key, certificate }: Issued, secureContext: SecureContext): Promise<boolean> {
  const server = createServer({ key, cert: certificate }, (peer) => peer.end()).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = connect({
    host: '127.0.0.1',
    port,
    servername: 'localhost',
    secureContext,
    rejectUnauthorized: false,
  });
  await once(socket, 'secureConnect');
  socket.destroy();
  return socket.authorized;
}

describe('the directory of a host', () => {
  test('may hold a CA and a client certificate', async () => {
    const path = hostDirectory();
    copyFileSync(CA_FILE, join(path, 'ca.crt'));
    copyFileSync(CLIENT_CERT_FILE, join(path, 'me.cert'));
    copyFileSync(CLIENT_KEY_FILE, join(path, 'me.key'));
    const trust = createTrust({ certDirs: [root] });
    expect(await trust.contextFor(HOST)).toBe(await trust.contextFor(HOST));
    expect(await trust.contextFor(HOST)).not.toBe(await trust.contextFor('other.example'));
  });

  test('holds a CA for that host alone', async () => {
    const authority = issueCertificate({ name: 'an authority' });
    writeFileSync(join(hostDirectory(), 'ca.crt'), authority.certificate);
    const server = issueCertificate({ name: 'localhost', hosts: ['localhost'], issuer: authority });
    const trust = createTrust({ certDirs: [root] });
    for (const host of [HOST, 'other.example', HOST]) {
      expect(await isTrusted(server, await trust.contextFor(host))).toBe(host === HOST);
    }
  });

  test('may be named with the default port', async () => {
    writeFileSync(join(hostDirectory('reg.example:443'), 'ca.crt'), 'nothing');
    expect((await hubErrorFrom(() => createTrust({ certDirs: [root] }).contextFor('reg.example'))).code).toBe(
      'CONFIG_INVALID',
    );
  });

  test('has no colon in its name on Windows', async () => {
    writeFileSync(join(hostDirectory('reg.example5000'), 'ca.crt'), 'nothing');
    const trust = createTrust({ certDirs: [root], platform: 'win32' });
    expect((await hubErrorFrom(() => trust.contextFor(HOST))).code).toBe('CONFIG_INVALID');
  });

  test('is the first one that is there', async () => {
    const second = await mkdtemp(join(tmpdir(), 'hubctl-tls-'));
    mkdirSync(join(second, HOST));
    writeFileSync(join(second, HOST, 'ca.crt'), 'nothing');
    hostDirectory();
    await createTrust({ certDirs: [join(root, 'absent'), root, second] }).contextFor(HOST);
    expect((await hubErrorFrom(() => createTrust({ certDirs: [second, root] }).contextFor(HOST))).code).toBe(
      'CONFIG_INVALID',
    );
    await rm(second, { recursive: true });
  });

  test('is not left by a host of dots', async () => {
    writeFileSync(join(root, 'ca.crt'), 'nothing');
    mkdirSync(join(root, 'certs'));
    await createTrust({ certDirs: [join(root, 'certs')] }).contextFor('..');
  });

  test('needs the key of a client certificate', async () => {
    const path = hostDirectory();
    copyFileSync(CLIENT_CERT_FILE, join(path, 'me.cert'));
    const error = await hubErrorFrom(() => createTrust({ certDirs: [root] }).contextFor(HOST));
    const files = [join(path, 'me.key'), join(path, 'me.cert')];
    expect(error).toMatchObject({
      code: 'CONFIG_INVALID',
      message: `missing key ${files[0]} for client certificate ${files[1]}. CA certificates must use the extension .crt`,
    });
  });

  test('needs the certificate of a client key', async () => {
    const path = hostDirectory();
    copyFileSync(CLIENT_KEY_FILE, join(path, 'me.key'));
    const error = await hubErrorFrom(() => createTrust({ certDirs: [root] }).contextFor(HOST));
    expect(error.message).toBe(`missing client certificate ${join(path, 'me.cert')} for key ${join(path, 'me.key')}`);
  });

  test('may hold other files', async () => {
    const path = hostDirectory();
    writeFileSync(join(path, 'README'), 'text');
    const trust = createTrust({ certDirs: [root] });
    expect(await trust.contextFor(HOST)).toBe(await trust.contextFor('other.example'));
  });
});

describe('a file the user named', () => {
  test('has to be there', async () => {
    const error = await hubErrorFrom(() => createTrust({ caFiles: [join(root, 'absent.pem')] }).contextFor(HOST));
    expect(error).toMatchObject({
      code: 'CONFIG_INVALID',
      message: `cannot read the certificate file ${join(root, 'absent.pem')}: no such file`,
    });
  });

  test('has to hold a certificate', async () => {
    const error = await hubErrorFrom(() => createTrust({ caFiles: [CLIENT_KEY_FILE] }).contextFor(HOST));
    expect(error).toMatchObject({
      code: 'CONFIG_INVALID',
      message: `${CLIENT_KEY_FILE} holds no certificate in PEM form`,
    });
  });

  test('has to hold a key that fits', async () => {
    const other = join(root, 'other.pem');
    writeFileSync(other, '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n');
    const trust = createTrust({ certFile: CLIENT_CERT_FILE, keyFile: other });
    const error = await hubErrorFrom(() => trust.contextFor(HOST));
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message).toContain(CLIENT_CERT_FILE);
  });

  test('needs its other half', async () => {
    for (const half of [{ certFile: CLIENT_CERT_FILE }, { keyFile: CLIENT_KEY_FILE }]) {
      const error = await hubErrorFrom(() => createTrust(half).contextFor(HOST));
      expect(error).toMatchObject({ code: 'CONFIG_INVALID', hint: 'give --tls-cert FILE and --tls-key FILE together' });
    }
  });
});

describe('the environment', () => {
  test('names files and directories', () => {
    const env = { NODE_EXTRA_CA_CERTS: '/a', HUBCTL_CA: '/a', SSL_CERT_FILE: '/b', SSL_CERT_DIR: '/c:/d' };
    expect(tlsFromEnvironment(env, 'linux')).toEqual({
      environmentCaFiles: ['/a', '/b'],
      environmentCaDirs: ['/c', '/d'],
      platform: 'linux',
    });
    expect(tlsFromEnvironment({}, 'linux')).toEqual({
      environmentCaFiles: [],
      environmentCaDirs: [],
      platform: 'linux',
    });
    expect(tlsFromEnvironment({ SSL_CERT_DIR: 'C:\\c;D:\\d' }, 'win32').environmentCaDirs).toEqual(['C:\\c', 'D:\\d']);
  });

  test('may name what is not there or no certificate', async () => {
    const tls = {
      environmentCaFiles: [join(root, 'absent'), CLIENT_KEY_FILE],
      environmentCaDirs: [join(root, 'absent')],
    };
    await createTrust(tls).contextFor(HOST);
  });

  test('adds the certificates of its directories', async () => {
    copyFileSync(CA_FILE, join(root, 'ca.pem'));
    const trust = createTrust({ environmentCaDirs: [root] });
    expect(await trust.contextFor(HOST)).not.toBe(await createTrust().contextFor(HOST));
  });
});

describe('the CAs of the operating system', () => {
  test('come from the first bundle that is there', async () => {
    const trust = createTrust({ systemBundles: [join(root, 'absent'), CA_FILE] });
    expect(await trust.contextWithSystemRoots(HOST)).toBe(await trust.contextWithSystemRoots(HOST));
  });

  test('may be nowhere', async () => {
    expect(await createTrust({ systemBundles: [join(root, 'absent')] }).contextWithSystemRoots(HOST)).toBeUndefined();
  });
});
