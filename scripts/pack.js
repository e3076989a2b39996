// How do the chunks of the command line become one file?
import { transform } from 'esbuild';
import { createHash } from 'node:crypto';
import { basename } from 'node:path';

/** Hexadecimal digits that tell one pack from another. */
const ID_LENGTH = 32;

/** Modules of Node.js that take long to load, and that most commands name but never use. */
const LATE = [
  'child_process',
  'crypto',
  'dns/promises',
  'http',
  'https',
  'module',
  'net',
  'stream',
  'timers/promises',
  'tls',
  'v8',
  'worker_threads',
  'zlib',
];
/** What esbuild makes of an import of names, which are then read where they are used. */
const IMPORT = new RegExp(`^(var import_\\w+ = )require(?=\\("node:(?:${LATE.join('|')})"\\);$)`, 'gm');

/**
 * All chunks in one file, each as an expression of its own: a function that is called with what modules are called with, and
 * with a `require` that waits until something is used. Node.js takes half a millisecond to find and read a file, and a pull is
 * made of eighty chunks. The first line is a comment with the
 * id of the pack and, for each chunk, its index, where it begins, its length and how many lines are before it; bin/load.js
 * reads it.
 *
 * @param {readonly { path: string, text: string }[]} chunks modules as esbuild splits them
 * @param {import('esbuild').TransformOptions} options
 * @param {string} [salt] whatever else the id is to depend on
 * @returns {Promise<string>} in Latin-1, as which it has to be written: what is something else in a comment stands for UTF-8
 */
export async function packed(chunks, options, salt = '') {
  const texts = await Promise.all(chunks.map((chunk) => expression(chunk, options)));
  const id = createHash('sha256')
    .update(salt + texts.join('\n'))
    .digest('hex')
    .slice(0, ID_LENGTH);
  const names = chunks.map(({ path }) => basename(path));
  // The places are counted from the end of the line that tells them, the length of which depends on them.
  let line = headOf(id, names, texts, 0);
  for (let before = -1; before !== line.length;) {
    before = line.length;
    line = headOf(id, names, texts, before);
  }
  return line + texts.join('');
}

/**
 * @param {string} id
 * @param {readonly string[]} names
 * @param {readonly string[]} texts
 * @param {number} before length of this line
 */
function headOf(id, names, texts, before) {
  let start = before;
  let lines = 1;
  const parts = names.map((name, index) => {
    const text = texts[index] ?? '';
    const place = [index, start, text.length, lines];
    start += text.length;
    lines += text.split('\n').length - 1;
    return [name, place];
  });
  return `// ${JSON.stringify({ id, parts: Object.fromEntries(parts) })}\n`;
}

/**
 * Only modules can be split into chunks, but Node.js starts CommonJS in half the time.
 *
 * @param {{ path: string, text: string }} chunk
 * @param {import('esbuild').TransformOptions} options
 */
async function expression({ path, text }, options) {
  const { code } = await transform(text, {
    ...options,
    format: 'cjs',
    legalComments: 'inline',
    supported: { 'dynamic-import': false },
    define: { 'import.meta.url': '__moduleUrl' },
  });
  const url = code.includes('__moduleUrl')
    ? "const __moduleUrl = require('node:url').pathToFileURL(__filename).href;\n"
    : '';
  // To read Latin-1 takes no time; esbuild leaves other characters in comments only, where nobody minds.
  const bare = await transform(code, { minifyWhitespace: true, legalComments: 'none' });
  if (/[^\0-\x7f]/.test(bare.code))
    throw new Error('there are characters in the code of the bundle that are not in ASCII');
  const utf8 = Buffer.from(code, 'utf8').toString('latin1');
  return `(function ${nameOf(path)}(module, exports, require, late, __filename) {${url}${utf8.replaceAll(IMPORT, '$1late')}})\n`;
}

/**
 * What the function of a chunk is called in stack traces, and in V8's account of what was run.
 *
 * @param {string} path
 */
export function nameOf(path) {
  return `$${basename(path, '.js').replaceAll(/\W/g, '_')}`;
}
