// Can the programs of this folder run? Installs and builds what is missing or older than its sources, and says so.
// Uses Node's own modules only: on a fresh clone there are no others.
import { spawn } from 'node:child_process';
import { readFile, readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of package.json. */
const ROOT = fileURLToPath(new URL('..', import.meta.url));

const SCRIPTS = ['build', 'bundle', 'pack', 'warm-up'].map((name) => `scripts/${name}.js`);
/** What dist/ is made of. */
const SOURCES = ['src', ...SCRIPTS, 'package-lock.json'];

/**
 * @typedef {{ version?: string, integrity?: string, optional?: boolean }} Installed
 * @typedef {{ packages?: Record<string, Installed> }} Lock
 */

/**
 * Makes node_modules/ and dist/ what the sources ask for. Throws when npm or the build fails.
 *
 * @param {string} [root]
 * @returns {Promise<void>}
 */
export async function setUp(root = ROOT) {
  if (!(await isInstalled(root))) {
    console.error('hubctl: node_modules is missing or not what package-lock.json says: npm ci');
    await runNpm(root, ['ci', '--include=dev', '--no-audit', '--no-fund']);
  }
  // npm built it already, unless it was told not to run scripts.
  if (!(await isBuilt(root, 'dist/index.js'))) {
    console.error('hubctl: dist is missing or older than src: npm run build');
    await runNpm(root, ['run', '--silent', 'build']);
  }
}

/**
 * True when npm's own note of what it put into node_modules/ agrees with package-lock.json; npm writes it last.
 *
 * @param {string} root
 * @returns {Promise<boolean>}
 */
export async function isInstalled(root) {
  const [wanted, found] = await Promise.all([
    readLock(join(root, 'package-lock.json')),
    readLock(join(root, 'node_modules/.package-lock.json')),
  ]);
  if (!wanted || !found) return false;
  const missing = Object.entries(wanted).some(([path, one]) => path !== '' && !isSame(one, found[path]));
  return !missing && Object.keys(found).every((path) => wanted[path] !== undefined);
}

/**
 * True when a file of dist/ is there and newer than everything it is made of.
 *
 * @param {string} root
 * @param {string} result path below `root`
 * @returns {Promise<boolean>}
 */
export async function isBuilt(root, result) {
  const built = await changedAt(join(root, result));
  const times = await Promise.all(SOURCES.map((path) => newestIn(join(root, path))));
  return built > Math.max(...times);
}

/**
 * Optional packages are for some platforms only, and may be left out; what is there has to be the one that is wanted.
 *
 * @param {Installed} wanted
 * @param {Installed | undefined} found
 */
function isSame(wanted, found) {
  if (found === undefined) return wanted.optional === true;
  return found.version === wanted.version && found.integrity === wanted.integrity;
}

/**
 * @param {string} path
 * @returns {Promise<Record<string, Installed> | undefined>}
 */
async function readLock(path) {
  try {
    return /** @type {Lock} */ (JSON.parse(await readFile(path, 'utf8'))).packages;
  } catch {
    // Missing and damaged are the same: npm makes a new one.
    return undefined;
  }
}

/**
 * Milliseconds since 1970; before all times when there is no such file.
 *
 * @param {string} path
 * @returns {Promise<number>}
 */
async function changedAt(path) {
  const stats = await stat(path).catch(() => undefined);
  return stats?.mtimeMs ?? -Infinity;
}

/**
 * @param {string} path a file or a folder
 * @returns {Promise<number>}
 */
async function newestIn(path) {
  const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.map((entry) => join(entry.parentPath, entry.name));
  return Math.max(...(await Promise.all([path, ...files].map(changedAt))));
}

/**
 * What npm says goes to stderr, as what this file says: stdout belongs to the program that is set up.
 *
 * @param {string} root
 * @param {readonly string[]} args
 * @returns {Promise<void>}
 */
function runNpm(root, args) {
  const npm = process.env['npm_execpath'] ?? '';
  const isNpm = /^npm-cli\.c?js$/.test(basename(npm));
  const [program, first] = isNpm ? [process.execPath, [npm]] : ['npm', []];
  const child = spawn(program, [...first, ...args], {
    cwd: root,
    stdio: ['ignore', process.stderr, process.stderr],
    shell: !isNpm && process.platform === 'win32',
  });
  return new Promise((resolve, reject) => {
    const what = `npm ${args.filter((arg) => !arg.startsWith('-')).join(' ')}`;
    child.on('error', (error) => reject(new Error(`${what} cannot be started: ${error.message}`)));
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`${what} ended with status ${code}`))));
  });
}
