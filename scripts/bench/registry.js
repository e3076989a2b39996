// Which registry is measured against? Distribution's, as a program of its own, filled over HTTP.
import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { access, constants, mkdir, readFile, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { Agent as SecureAgent, request as secureRequest } from 'node:https';
import { connect, createServer } from 'node:net';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { ROOT } from '../bundle.js';
import { MIB } from './images.js';

/** The program as users start it: by its first line. */
export const HUBCTL = join(ROOT, 'bin/hubctl.js');

/** Where programs are looked for: PATH, what `go install` writes to, and where the tests unpack a registry. */
function programFolders() {
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'hubctl-test');
  const path = (process.env['PATH'] ?? '').split(delimiter);
  return [...path, join(homedir(), 'go/bin'), join(cache, 'docker-registry/usr/bin')];
}

/**
 * @param {string} name
 * @returns {Promise<string | undefined>}
 */
export async function findProgram(name) {
  for (const folder of programFolders()) {
    const path = join(folder, name);
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return undefined;
}

/**
 * @typedef {{ folder: string, port: number, tls: { key: string, certificate: string } | undefined }} Place
 * @typedef {{ name: string, command: (place: Place) => Promise<string[]>, shares: boolean }} RegistryProgram
 *   `shares` where two processes may serve one folder
 */

/**
 * Distribution's where it is installed, since it is what everybody runs, else the one of hubctl.
 *
 * @param {string | undefined} wanted the name of one of them
 * @returns {Promise<RegistryProgram | undefined>}
 */
export async function findRegistry(wanted) {
  for (const name of ['registry', 'docker-registry']) {
    const program = wanted === undefined || wanted === name ? await findProgram(name) : undefined;
    if (program !== undefined) {
      return { name, command: async (place) => [program, 'serve', await writeConfiguration(place)], shares: true };
    }
  }
  const canServe = await access(join(ROOT, 'dist/cli/answers/help.serve.txt')).then(
    () => true,
    () => false,
  );
  return canServe && (wanted ?? 'hubctl') === 'hubctl'
    ? { name: 'hubctl serve', command: ownRegistry, shares: false }
    : undefined;
}

/** @param {Place} place */
async function ownRegistry({ folder, port, tls }) {
  const secure = tls ? ['--tls-cert', tls.certificate, '--tls-key', tls.key] : [];
  return [process.execPath, HUBCTL, 'serve', '--quiet', '--addr', `127.0.0.1:${port}`, ...secure, join(folder, 'data')];
}

/** @param {Place} place */
async function writeConfiguration({ folder, port, tls }) {
  const config = join(folder, `config-${port}.json`); // YAML is a superset of JSON
  const http = { addr: `127.0.0.1:${port}`, secret: 'only for the bench', ...(tls && { tls }) };
  const storage = {
    filesystem: { rootdirectory: join(folder, 'data') },
    maintenance: { uploadpurging: { enabled: false } },
  };
  const log = { level: 'error', accesslog: { disabled: true } };
  await writeFile(config, JSON.stringify({ version: '0.1', log, storage, http }));
  return config;
}

/**
 * Starts one on a free port of 127.0.0.1.
 *
 * @param {RegistryProgram} registry
 * @param {string} folder for its content; two may share it
 * @param {{ key: string, certificate: string }} [tls] files
 */
export async function startRegistry(registry, folder, tls) {
  const port = await freePort();
  await mkdir(folder, { recursive: true });
  const [program = '', ...args] = await registry.command({ folder, port, tls });
  const child = spawn(program, args, { stdio: 'ignore', env: { ...process.env, OTEL_TRACES_EXPORTER: 'none' } });
  const failed = new Promise((_, reject) => {
    child.on('error', reject);
    child.on('exit', (status) => reject(new Error(`${registry.name} ended with status ${status}`)));
  });
  failed.catch(() => undefined);
  await Promise.race([answers(port), failed]);
  return { port, pid: child.pid, stop: () => void child.kill() };
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
      server.close(() => resolve(port));
    });
  });
}

/** @param {number} port */
async function answers(port) {
  for (let attempt = 0; attempt < 200; attempt++) {
    const open = await new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.on('connect', () => (socket.destroy(), resolve(true)));
      socket.on('error', () => resolve(false));
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('the registry does not listen');
}

/**
 * Uploads an image, with nothing that is measured.
 *
 * @param {{ port: number, ca?: Buffer | undefined }} registry `ca` where it speaks TLS
 * @param {string} repository
 * @param {import('./images.js').Image} image
 */
export async function seed({ port, ca }, repository, image) {
  const agent = ca === undefined ? new Agent({ keepAlive: true }) : new SecureAgent({ keepAlive: true, ca });
  const file = (/** @type {string} */ digest) => join(image.folder, 'blobs', digest.replace(':', '/'));
  const send = (/** @type {Sending} */ sending) => upload({ ...sending, port, agent });
  for (const { digest, size } of image.blobs) {
    const { headers } = await send({ method: 'POST', path: `/v2/${repository}/blobs/uploads/`, size: 0, status: 202 });
    const location = new URL(headers.location ?? '', `http://127.0.0.1:${port}`);
    location.searchParams.set('digest', digest);
    const path = location.pathname + location.search;
    await send({
      method: 'PUT',
      path,
      size,
      body: createReadStream(file(digest), { highWaterMark: MIB }),
      status: 201,
    });
  }
  const { mediaType, size, digest } = image.manifest;
  const path = `/v2/${repository}/manifests/latest`;
  const body = await readFile(file(digest));
  await send({ method: 'PUT', path, size, body, type: mediaType, status: 201 });
  agent.destroy();
}

/**
 * @typedef {object} Sending
 * @property {string} method
 * @property {string} path
 * @property {number} size
 * @property {import('node:stream').Readable | Buffer} [body]
 * @property {string} [type]
 * @property {number} status the one that is expected
 */

/**
 * @param {Sending & { port: number, agent: Agent | SecureAgent }} sending
 * @returns {Promise<import('node:http').IncomingMessage>}
 */
function upload({ method, path, size, body, type = 'application/octet-stream', status, port, agent }) {
  const headers = { 'content-type': type, 'content-length': size };
  return new Promise((resolve, reject) => {
    const open = agent instanceof SecureAgent ? secureRequest : request;
    const sent = open({ host: '127.0.0.1', port, method, path, headers, agent }, (answer) => {
      answer.resume().on('end', () => {
        if (answer.statusCode === status) resolve(answer);
        else reject(new Error(`${method} ${path} was answered with ${answer.statusCode}`));
      });
    });
    sent.on('error', reject);
    if (body === undefined || Buffer.isBuffer(body)) sent.end(body);
    else body.pipe(sent);
  });
}
