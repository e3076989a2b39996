// What does the demo show, in which order?
import { randomBytes } from 'node:crypto';
import { chmod, writeFile } from 'node:fs/promises';
import { ENTRYPOINT, layOut } from './rootfs.js';
import { HUBCTL } from './stage.js';
import { quoted, sizeText } from './screen.js';
import { verifyImage } from './verify.js';

/** @typedef {import('./stage.js').Stage} Stage */

const USER = 'demo';
/** An empty local store, beside the one that the image is made in. */
const OTHER = 'other-store';

/**
 * @param {Stage} stage
 * @returns {Promise<void>}
 */
export async function playDemo(stage) {
  const started = performance.now();
  const { screen } = stage;
  screen.line('hubctl demo: the way of an image, on this machine alone.');
  screen.line(`All of it happens in ${stage.dir};`);
  screen.line('your own images and logins are not touched.');

  await stage.furnish();
  await makeAccount(stage);
  screen.heading('A registry that wants a password, on a free port');
  const registry = await stage.serve(['serve', '--addr', '127.0.0.1:0', '--htpasswd', 'htpasswd', 'registry']);
  const { host } = registry;
  const [app, copy] = [`${host}/demo/app:1`, `${host}/demo/copy:1`];

  const digest = await makeImage(stage, app);
  screen.heading('Log in, and push');
  await stage.hubctl(['login', host, '--username', USER, '--password-stdin'], { input: 'password' });
  await stage.hubctl(['push', app]);

  screen.heading('Push to a second repository: the registry lends it the layers');
  await stage.hubctl(['tag', app, copy]);
  await stage.hubctl(['push', copy]);

  screen.heading('Find it again');
  await stage.hubctl(['search', `${host}/demo`]);
  await stage.hubctl(['tags', `${host}/demo/app`]);

  screen.heading('Pull it into an empty store');
  await stage.hubctl(['pull', '--store', OTHER, copy]);
  const verified = await verify(stage, { digest, app });

  screen.heading('Log out');
  await stage.hubctl(['logout', host]);
  if (stage.keep) await stage.hubctl(['login', host, '--username', USER, '--password-stdin'], { input: 'password' });
  summary(stage, verified, started);
  if (stage.keep) await nextSteps(stage, registry);
}

/**
 * An account with a password that nobody knows before.
 *
 * @param {Stage} stage
 */
async function makeAccount(stage) {
  /** @type {typeof import('../../src/index.ts')} */
  const { htpasswdLine } = await import(new URL('../../dist/index.js', import.meta.url).href);
  const password = randomBytes(12).toString('base64url');
  await writeFile(stage.path('password'), `${password}\n`, { mode: 0o600 });
  await writeFile(stage.path('htpasswd'), `${await htpasswdLine(USER, password)}\n`, { mode: 0o600 });
}

/**
 * @param {Stage} stage
 * @param {string} name
 * @returns {Promise<string>} digest of the manifest
 */
async function makeImage(stage, name) {
  stage.screen.heading(`An image of three layers: Node.js ${process.version}, hubctl, a file of settings`);
  await layOut(stage.dir);
  const changes = [
    `ENTRYPOINT ${JSON.stringify(ENTRYPOINT)}`,
    'CMD ["version"]',
    'ENV HUBCTL_HOME=/var/lib/hubctl',
    'LABEL org.opencontainers.image.title=hubctl',
  ];
  const layers = ['--layer', 'hubctl', '--layer', 'settings'];
  await stage.hubctl(['import', 'node', name, ...layers, ...changes.flatMap((change) => ['--change', change])]);
  await stage.hubctl(['images']);
  await stage.hubctl(['history', name]);
  return stage.hubctl(['images', '--format', '{{.Digest}}'], { capture: true });
}

/**
 * @param {Stage} stage
 * @param {{ readonly digest: string, readonly app: string }} image
 */
async function verify(stage, { digest, app }) {
  const { screen } = stage;
  screen.heading('Is it the same image? Ask the registry, the new store, and sha256');
  const remote = await stage.hubctl(['digest', app], { capture: true });
  const pulled = await stage.hubctl(['images', '--store', OTHER, '--format', '{{.Digest}}'], { capture: true });
  for (const [place, found] of [
    ['registry', remote],
    ['new store', pulled],
  ]) {
    if (found !== digest) throw new Error(`the digest of the image is ${digest}, but the ${place} has ${found}`);
  }
  stage.check();
  const verified = await verifyImage(stage.path(OTHER), digest);
  for (const part of verified) {
    screen.line(
      `${part.what.padEnd(8)}  ${part.digest.slice(0, 26)}…  ${sizeText(part.size).padStart(8)}  is what its digest says`,
    );
  }
  return verified;
}

/**
 * @param {Stage} stage
 * @param {readonly import('./verify.js').Verified[]} verified
 * @param {number} started
 */
function summary({ screen }, verified, started) {
  const bytes = verified.reduce((sum, { size }) => sum + size, 0);
  const layers = verified.filter(({ what }) => what === 'layer').length;
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  screen.line(`\nDone in ${seconds} s: an image of ${layers} layers, ${sizeText(bytes)}, was pushed, mounted`);
  screen.line('into a second repository, found, pulled and verified.');
}

/**
 * @param {Stage} stage
 * @param {{ readonly host: string, readonly pid: number | undefined }} registry
 */
async function nextSteps(stage, { host, pid }) {
  const { HUBCTL_HOME, DOCKER_CONFIG } = stage.env;
  const hubctl = `#!/bin/sh\nexec ${quoted(process.execPath)} ${quoted(HUBCTL)} "$@"\n`;
  await writeFile(stage.path('bin/hubctl'), hubctl);
  await chmod(stage.path('bin/hubctl'), 0o755);
  const settings = [
    `export HUBCTL_HOME=${quoted(HUBCTL_HOME)} DOCKER_CONFIG=${quoted(DOCKER_CONFIG)}`,
    'export HUBCTL_CREDENTIAL_STORE=file',
    'unset DOCKER_AUTH_CONFIG REGISTRY_AUTH_FILE HUBCTL_USERNAME HUBCTL_PASSWORD',
    `PATH=${quoted(stage.path('bin'))}:$PATH`,
  ];
  await writeFile(stage.path('env'), `${settings.join('\n')}\n`);
  const { screen } = stage;
  screen.line(`\nThe registry goes on at ${host}. Try, in this terminal or another:\n`);
  const commands = [
    `. ${quoted(stage.path('env'))}`,
    `hubctl catalog ${host}`,
    `hubctl inspect ${host}/demo/app:1`,
    `hubctl copy ${host}/demo/app:1 ${host}/demo/app:2`,
    `hubctl save -o app.tar ${host}/demo/app:1`,
    `docker run --rm ${host}/demo/app:1  # the image runs`,
  ];
  for (const command of commands) screen.line(`  ${command}`);
  screen.line(`\nIts requests are in ${stage.path('registry.log')}.\nStop it, and remove everything:\n`);
  screen.line(`  kill ${pid}; rm -r ${quoted(stage.dir)}`);
}
