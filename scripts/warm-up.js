// Which code does this Node.js compile of the program, so that nobody has to wait for it? Commands are run as users run them.
import { spawn } from 'node:child_process';
import { createCipheriv } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from 'tar';

/** Milliseconds for a command, and for the registry. */
const PATIENCE = 60_000;
/** Bytes. */
const LARGE = 6 * 1024 * 1024;

/**
 * Runs what people run most, with a registry of our own on loopback, and puts what V8 compiled beside the pack:
 * `dist/cli/code/` below `root`. Nothing is done when it is there. Throws when a command fails.
 *
 * @param {string} root folder of bin/ and dist/
 * @returns {Promise<void>}
 */
export async function warmUp(root) {
  const folder = join(root, 'dist/cli/code');
  const id = await idOfPack(join(root, 'dist/cli/pack.js'));
  const files = await readdir(folder).catch(() => []);
  for (const file of files) if (!file.startsWith(id)) await rm(join(folder, file), { recursive: true, force: true });
  const { version, platform, arch } = process;
  if (files.some((file) => file.startsWith([id, version, platform, arch, ''].join('-')))) return;
  const work = await mkdtemp(join(tmpdir(), 'hubctl-warm-up-'));
  try {
    await runAll(new User(root, work), work);
    await publish(join(work, 'cache/hubctl/code'), folder);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** @param {string} path */
async function idOfPack(path) {
  const [line = ''] = (await readFile(path, 'latin1')).split('\n', 1);
  return JSON.parse(line.slice(3)).id;
}

/**
 * @param {User} user
 * @param {string} work
 */
async function runAll(user, work) {
  await writeArchives(work);
  const server = user.start(['serve', '--addr', '127.0.0.1:0', 'registry'], { HUBCTL_CODE_CACHE: '0' });
  try {
    const ended = new Promise((_, reject) => server.on('close', () => reject(new Error('the registry ended'))));
    const host = await Promise.race([addressOf(server), ended]);
    for (const command of commands(`${host}/warm/up:1`)) await user.run(command);
    for (const command of FAILURES) await user.run(command, false);
  } finally {
    server.kill();
  }
}

/**
 * @param {string} image
 * @returns {readonly (readonly string[])[]}
 */
function commands(image) {
  const copied = image.replace(':1', ':2');
  const small = image.replace(':1', ':small');
  return [
    ['import', 'large.tar', image],
    ['import', 'small.tar', small],
    ['push', image],
    ['push', small],
    ['tag', image, copied],
    ['push', '--quiet', copied],
    ['push', copied],
    ['images'],
    ['images', '--quiet'],
    ['--store', 'other', 'pull', image],
    ['--store', 'other', 'pull', '--quiet', image, copied],
    ['--store', 'other', 'pull', small],
    ['copy', image, 'oci:layout:1'],
    ['copy', 'oci:layout:1', image.replace(':1', ':3')],
    ['save', '--output', 'image.tar', image],
    ['load', '--input', 'image.tar'],
    ['inspect', image],
    ['inspect', copied],
    ['history', image],
    ['digest', image],
    ['tags', image.replace(':1', '')],
    ['manifest', image],
    ['config', image],
    ['auth', 'ls'],
    ['rmi', copied],
    ['image', 'prune', '--force'],
  ];
}

/** Failures are common too. */
const FAILURES = [
  ['tag', 'missing', 'other'],
  ['pull', '127.0.0.1:1/missing'],
];

/** A user with a home of their own, and of that nothing but a cache. */
class User {
  #root;
  #home;

  /**
   * @param {string} root
   * @param {string} home
   */
  constructor(root, home) {
    this.#root = root;
    this.#home = home;
  }

  /**
   * @param {readonly string[]} args
   * @param {Record<string, string>} env
   */
  start(args, env) {
    const cache = join(this.#home, 'cache');
    const plain = { PATH: process.env['PATH'], HOME: this.#home, TMPDIR: tmpdir(), XDG_CACHE_HOME: cache };
    return spawn(process.execPath, [join(this.#root, 'bin/hubctl.js'), ...args], {
      cwd: this.#home,
      env: { ...plain, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: PATIENCE,
    });
  }

  /**
   * @param {readonly string[]} args
   * @param {boolean} succeeds
   */
  async run(args, succeeds = true) {
    const child = this.start(args, { HUBCTL_CODE_CACHE: 'all' });
    const text = textOf(child);
    const status = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
    if ((status === 0) !== succeeds) throw new Error(`hubctl ${args.join(' ')} ended with status ${status}: ${text()}`);
  }
}

/** @param {import('node:child_process').ChildProcess} child */
function textOf(child) {
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (text += String(chunk)));
  return () => text;
}

/**
 * `localhost:5000` of a registry that says where it listens.
 *
 * @param {import('node:child_process').ChildProcess} server
 * @returns {Promise<string>}
 */
function addressOf(server) {
  const text = textOf(server);
  return new Promise((resolve) => {
    for (const stream of [server.stdout, server.stderr]) {
      stream?.on('data', () => {
        const [address] = /127\.0\.0\.1:\d+/.exec(text()) ?? [];
        if (address !== undefined) resolve(address);
      });
    }
  });
}

/**
 * Layers of both kinds: one that is fetched in pieces, and one that is not worth that.
 *
 * @param {string} folder
 */
async function writeArchives(folder) {
  await writeFile(join(folder, 'file'), incompressible(LARGE));
  await create({ cwd: folder, file: join(folder, 'large.tar') }, ['file']);
  await writeFile(join(folder, 'file'), 'small\n');
  await create({ cwd: folder, file: join(folder, 'small.tar') }, ['file']);
}

/**
 * The same each time.
 *
 * @param {number} length
 */
function incompressible(length) {
  return createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)).update(Buffer.alloc(length));
}

/**
 * Under its last name a file is whole.
 *
 * @param {string} from
 * @param {string} to
 */
async function publish(from, to) {
  await mkdir(to, { recursive: true });
  for (const file of await readdir(from)) {
    const unfinished = join(to, `${file}.${process.pid}`);
    await writeFile(unfinished, await readFile(join(from, file)));
    await rename(unfinished, join(to, file));
  }
}
