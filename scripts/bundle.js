// How is the command line bundled, and which files does each chunk hold?
import { build, transform } from 'esbuild';
import { constants as http2Constants } from 'node:http2';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** The folder of package.json. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Programs that bin/ starts. */
const ENTRIES = ['src/cli/main.ts', 'src/cli/credential-helper.ts'];

/**
 * undici loads HTTP/2 whether it is used or not, which takes 5 to 9 ms. Of it the constants are needed at once, the rest
 * when a connection is made.
 *
 * @type {import('esbuild').Plugin}
 */
const LAZY_HTTP2 = {
  name: 'lazy-http2',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:http2$/ }, ({ importer }) =>
      importer.includes('undici') ? { path: 'http2', namespace: 'lazy' } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'lazy' }, () => ({
      contents: `exports.constants = ${JSON.stringify(http2Constants)};
        exports.connect = (...args) => process.getBuiltinModule('node:http2').connect(...args);`,
    }));
  },
};

/**
 * A thread gets its program as text, which needs no file that could be found: wherever the rest of the bundle lies, it is
 * there.
 *
 * @type {import('esbuild').Plugin}
 */
const THREAD_AS_TEXT = {
  name: 'thread-as-text',
  setup({ onLoad }) {
    onLoad({ filter: /[/\\]src[/\\]http[/\\]thread-program\.ts$/ }, async () => ({
      contents: `export const THREAD_PROGRAM = ${JSON.stringify(await bundleThread())};`,
    }));
  },
};

/** @satisfies {import('esbuild').BuildOptions} */
const OPTIONS = {
  absWorkingDir: ROOT,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.18',
  external: ['keytar'],
  plugins: [LAZY_HTTP2, THREAD_AS_TEXT],
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
      write: false,
    }),
    writeAnswers(join(outdir, 'answers')),
  ]);
  await writeFile(join(outdir, 'package.json'), '{ "type": "commonjs" }\n');
  for (const { path, text } of result.outputFiles) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, await commonJs(text));
  }
  return result.metafile;
}

/** The program of a thread that reads, as one text. */
export async function bundleThread() {
  const { outputFiles } = await build({
    ...OPTIONS,
    entryPoints: ['src/http/thread.ts'],
    format: 'cjs',
    minify: true,
    legalComments: 'none',
    write: false,
  });
  return outputFiles.map(({ text }) => text).join('');
}

/**
 * Only modules can be split into chunks, but Node.js loads a file of CommonJS in half the time: with some forty of them
 * that is a third of the start of a pull.
 *
 * @param {string} text of a module
 */
async function commonJs(text) {
  const { code } = await transform(text, {
    format: 'cjs',
    platform: 'node',
    target: OPTIONS.target,
    legalComments: 'eof',
    supported: { 'dynamic-import': false },
    define: { 'import.meta.url': '__moduleUrl' },
  });
  const url = "const __moduleUrl = require('node:url').pathToFileURL(__filename).href;\n";
  return code.includes('__moduleUrl') ? url + code : code;
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
    const outfile = join(work, 'answers.cjs');
    await build({ ...OPTIONS, format: 'cjs', entryPoints: ['src/cli/answers.ts'], outfile });
    const { fixedAnswers } = (await import(pathToFileURL(outfile).href)).default;
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
