// How does src/ become dist/? `--cli` builds the command line alone, beside what is there: that is quick, and what tests need.
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { ROOT, bundleCli, bundledPackages } from './bundle.js';
import { warmUp } from './warm-up.js';

const DIST = join(ROOT, 'dist');
/** What V8 compiled of the command line, here or elsewhere; it is made when all the rest is there. */
const CODE = join(DIST, 'cli/code');
/** Start of the names of folders that a build works in. */
const UNFINISHED = '.build-';

/**
 * Library: one .js and .d.ts per module, so that whoever bundles it can drop what is not used.
 *
 * @param {string} outdir
 * @returns {Promise<void>}
 */
function compileLibrary(outdir) {
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const child = spawn(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', outdir], {
    cwd: ROOT,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`tsc ended with status ${code}`))));
  });
}

/**
 * Licences of inlined packages ask to be handed on with them.
 *
 * @param {import('esbuild').Metafile} metafile
 * @returns {Promise<string>}
 */
async function thirdPartyLicenses(metafile) {
  const texts = bundledPackages(metafile).map(async (name) => {
    const folder = join(ROOT, 'node_modules', name);
    const { version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
    const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file === undefined ? '' : `\n${(await readFile(join(folder, file), 'utf8')).trim()}\n`;
    return `${name} ${version} (${license})\n${text}`;
  });
  return (await Promise.all(texts)).join(`\n${'-'.repeat(80)}\n\n`);
}

/** @param {string} outdir */
async function compileCli(outdir) {
  const metafile = await bundleCli(outdir);
  await writeFile(join(outdir, 'THIRD-PARTY-LICENSES.txt'), await thirdPartyLicenses(metafile));
}

/** @param {string} folder */
async function filesIn(folder) {
  await mkdir(folder, { recursive: true });
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/**
 * Moves a finished build over the last one file by file: a program that starts meanwhile finds a whole one, since it is a
 * single file.
 *
 * @param {string} built
 * @param {string} target
 */
async function publish(built, target) {
  const moves = (await filesIn(built)).map((file) => ({ file, to: join(target, relative(built, file)) }));
  for (const { file, to } of moves) {
    await mkdir(dirname(to), { recursive: true });
    await rename(file, to);
  }
  return new Set(moves.map(({ to }) => to));
}

/**
 * Leaves nothing in a folder but what was built; the folders of other builds that run, and code that V8 compiled, are not ours to
 * judge.
 *
 * @param {string} folder
 * @param {ReadonlySet<string>} fresh
 * @returns {Promise<boolean>} true when anything is left
 */
async function removeStale(folder, fresh) {
  let left = false;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    const isOurs = path !== CODE && !path.startsWith(join(DIST, UNFINISHED));
    const stays = !isOurs || fresh.has(path) || (entry.isDirectory() && (await removeStale(path, fresh)));
    if (stays) left = true;
    else await rm(path, { recursive: true, force: true });
  }
  return left;
}

/** The program runs without compiled code as well, so that a machine where it cannot serve on loopback can build it. */
async function compileCode() {
  await warmUp(ROOT).catch((error) =>
    console.error(`build: no compiled code is kept: ${String(error).split('\n')[0]}`),
  );
}

/**
 * Waits for all, so that none still writes when its folder is removed.
 *
 * @param {readonly Promise<void>[]} works
 */
async function allDone(works) {
  for (const result of await Promise.allSettled(works)) if (result.status === 'rejected') throw result.reason;
}

await mkdir(DIST, { recursive: true });
const built = await mkdtemp(join(DIST, UNFINISHED));
try {
  const cliOnly = process.argv.includes('--cli');
  await allDone([cliOnly ? Promise.resolve() : compileLibrary(built), compileCli(join(built, 'cli'))]);
  const fresh = await publish(built, DIST);
  await removeStale(cliOnly ? join(DIST, 'cli') : DIST, fresh);
  await compileCode();
} catch (error) {
  console.error(`build failed: ${String(error).split('\n')[0]}`);
  process.exitCode = 1;
} finally {
  await rm(built, { recursive: true, force: true });
}
