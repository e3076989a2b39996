// What is in the image of the demo? This machine's node with the libraries it needs, hubctl, and a file of settings.
import { constants } from 'node:fs';
import { copyFile, cp, mkdir, realpath, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** How the image is run. */
export const ENTRYPOINT = ['/usr/local/bin/node', '/opt/hubctl/bin/hubctl.js'];

/**
 * Lays out the three layers as folders `node`, `hubctl` and `settings`.
 *
 * @param {string} dir
 * @returns {Promise<void>}
 */
export async function layOut(dir) {
  // One after the other: after a failure nothing still writes while the folder is removed.
  await copyNode(join(dir, 'node'));
  await copyHubctl(join(dir, 'hubctl/opt/hubctl'));
  await writeSettings(join(dir, 'settings/etc/hubctl-demo.json'));
}

/** @param {string} root */
async function copyNode(root) {
  await copyInto(root, await realpath(process.execPath), ENTRYPOINT[0] ?? '');
  for (const library of await sharedLibraries()) await copyInto(root, library, library);
}

/**
 * Files that the running node has loaded. Node knows them itself, so that no `ldd` is needed; where the system has no
 * files for them, as macOS, there are none to copy.
 *
 * @returns {Promise<string[]>}
 */
async function sharedLibraries() {
  const report = /** @type {{ sharedObjects?: string[] }} */ (process.report.getReport());
  const paths = (report.sharedObjects ?? []).filter((path) => path.startsWith('/') && path !== process.execPath);
  const isFile = await Promise.all(
    paths.map((path) =>
      stat(path).then(
        (found) => found.isFile(),
        () => false,
      ),
    ),
  );
  return paths.filter((_, index) => isFile[index]);
}

/** @param {string} target */
async function copyHubctl(target) {
  for (const name of ['bin', 'dist/cli', 'package.json', 'LICENSE']) {
    await cp(join(ROOT, name), join(target, name), { recursive: true });
  }
}

/** @param {string} file */
async function writeSettings(file) {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify({ greeting: 'hello', node: process.version }, undefined, 2)}\n`);
}

/**
 * @param {string} root
 * @param {string} file
 * @param {string} path absolute, in the image
 */
async function copyInto(root, file, path) {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await copyFile(file, join(root, path), constants.COPYFILE_FICLONE);
}
