// How is the command line bundled, and which files does each chunk hold?
import { build } from 'esbuild';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** The folder of package.json. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Programs that bin/ starts. */
const ENTRIES = ['src/cli/main.ts', 'src/cli/credential-helper.ts'];

/** CommonJS dependencies call `require` for Node's own modules; an ES module has none. */
const BANNER =
  "import { createRequire as __createRequire } from 'node:module';\nconst require = __createRequire(import.meta.url);";

/** @satisfies {import('esbuild').BuildOptions} */
const OPTIONS = {
  absWorkingDir: ROOT,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.18',
  external: ['keytar'],
  banner: { js: BANNER },
  logLevel: 'warning',
};

/**
 * Bundles src/cli into `outdir`, one chunk per `import()`, with the answers that need no program, and gives esbuild's
 * account of what is where. Dependencies are inlined, but for the keychain: it is native, optional and loaded only on use.
 *
 * @param {string} outdir absolute
 */
export async function bundleCli(outdir) {
  const [result] = await Promise.all([
    build({
      ...OPTIONS,
      entryPoints: ENTRIES,
      outdir,
      outbase: 'src/cli',
      chunkNames: 'chunks/[name]-[hash]',
      splitting: true,
      legalComments: 'eof',
      metafile: true,
    }),
    writeAnswers(join(outdir, 'answers')),
  ]);
  return result.metafile;
}

/**
 * Asks the program itself for what it always answers, and writes it down: so `--version`, help and completion take no
 * longer than Node.js takes to start.
 *
 * @param {string} folder
 */
async function writeAnswers(folder) {
  const work = await mkdtemp(join(tmpdir(), 'hubctl-answers-'));
  try {
    const outfile = join(work, 'answers.mjs');
    await build({ ...OPTIONS, entryPoints: ['src/cli/answers.ts'], outfile });
    const { fixedAnswers } = await import(pathToFileURL(outfile).href);
    await mkdir(folder, { recursive: true });
    for (const [name, text] of await fixedAnswers()) await writeFile(join(folder, `${name}.txt`), text);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/**
 * Names of the packages inlined in a bundle.
 *
 * @param {import('esbuild').Metafile} metafile
 * @returns {string[]}
 */
export function bundledPackages(metafile) {
  const names = Object.keys(metafile.inputs).map((path) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]);
  return [...new Set(names.filter((name) => name !== undefined))].toSorted();
}
