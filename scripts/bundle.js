// How is the command line bundled, and which sources does each chunk hold?
import { build } from 'esbuild';
import { constants as http2Constants } from 'node:http2';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { groupsOf } from './groups.js';
import { packed } from './pack.js';

/** The folder of package.json. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Programs that bin/ starts. */
const ENTRIES = ['src/cli/main.ts', 'src/cli/credential-helper.ts'];

/** What packages load of Node.js whether it is used or not, and what stands for it until it is. */
const LATE = {
  // 5 to 9 ms. The constants are needed at once, the rest when a connection is made.
  http2: {
    importer: 'undici',
    contents: `exports.constants = ${JSON.stringify(http2Constants)};
      exports.connect = (...args) => process.getBuiltinModule('node:http2').connect(...args);`,
  },
  // For subcommands that are programs of their own; there are none.
  child_process: {
    importer: 'commander',
    contents: `exports.spawn = (...args) => process.getBuiltinModule('node:child_process').spawn(...args);`,
  },
};

/** @type {import('esbuild').Plugin} */
const LOAD_LATE = {
  name: 'load-late',
  setup({ onResolve, onLoad }) {
    for (const [name, { importer: by, contents }] of Object.entries(LATE)) {
      onResolve({ filter: new RegExp(`^node:${name}$`) }, ({ importer }) =>
        importer.includes(by) ? { path: name, namespace: 'late' } : undefined,
      );
      onLoad({ filter: new RegExp(`^${name}$`), namespace: 'late' }, () => ({ contents }));
    }
  },
};

const MAKERS_OF_CODE = ['bin/load.js', 'bin/keep-code.js', 'scripts/warm-up.js'];

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
  inject: ['scripts/late-performance.js'],
  plugins: [LOAD_LATE, THREAD_AS_TEXT],
  logLevel: 'warning',
};

/**
 * Bundles src/cli into `outdir`, one chunk per `import()` and all of them in one file, with the answers that need no program,
 * and gives esbuild's account of what is where. Dependencies are inlined, but for the keychain: it is native, optional and
 * loaded only on use.
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
  const { platform, target } = OPTIONS;
  // Compiled code is found by the id of the pack, and depends on how it is made as well.
  const salt = await Promise.all(MAKERS_OF_CODE.map((path) => readFile(join(ROOT, path), 'utf8')));
  const groups = groupsOf(result.metafile);
  const pack = await packed(result.outputFiles, { platform, target }, { salt: salt.join(''), groups });
  await writeFile(join(outdir, 'pack.js'), pack, 'latin1');
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
