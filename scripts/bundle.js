// How is the command line bundled, and which files does each chunk hold?
import { build } from 'esbuild';
import { fileURLToPath } from 'node:url';

/** The folder of package.json. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Programs that bin/ starts. */
const ENTRIES = ['src/cli/main.ts', 'src/cli/credential-helper.ts'];

/** CommonJS dependencies call `require` for Node's own modules; an ES module has none. */
const BANNER =
  "import { createRequire as __createRequire } from 'node:module';\nconst require = __createRequire(import.meta.url);";

/**
 * Bundles src/cli into `outdir`, one chunk per `import()`, and gives esbuild's account of what is where. Dependencies
 * are inlined, but for the keychain: it is native, optional and loaded only on use.
 *
 * @param {string} outdir absolute
 */
export async function bundleCli(outdir) {
  const result = await build({
    absWorkingDir: ROOT,
    entryPoints: ENTRIES,
    outdir,
    outbase: 'src/cli',
    chunkNames: 'chunks/[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.18',
    external: ['keytar'],
    banner: { js: BANNER },
    legalComments: 'eof',
    metafile: true,
    logLevel: 'warning',
  });
  return result.metafile;
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
