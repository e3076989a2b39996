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
  'fs/promises',
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
 * made of eighty chunks. Those that are loaded together are a list of such functions, because V8 is quicker with one script
 * than with many. The first line is a comment with the id of the pack, with the place of each list, that is where it begins, its
 * length and how many lines are before it, and with the index of the list of each chunk and its own in there; bin/load.js reads
 * it.
 *
 * @param {readonly { path: string, text: string }[]} chunks modules as esbuild splits them
 * @param {import('esbuild').TransformOptions} options
 * @param {{ salt?: string, groups?: readonly (readonly string[])[] }} [also] `salt`: whatever else the id is to depend on;
 *   `groups`: names of chunks that are loaded together, each in one of them at most
 * @returns {Promise<string>} in Latin-1, as which it has to be written: what is something else in a comment stands for UTF-8
 */
export async function packed(chunks, options, { salt = '', groups = [] } = {}) {
  const texts = await Promise.all(chunks.map((chunk) => expression(chunk, options)));
  const names = chunks.map(({ path }) => basename(path));
  const alone = names.filter((name) => !groups.some((group) => group.includes(name))).map((name) => [name]);
  const lists = [...groups, ...alone].map((group) => ({
    names: group,
    text: `[${group.map((name) => texts[names.indexOf(name)] ?? '').join(',')}]\n`,
  }));
  const id = createHash('sha256')
    .update(salt + lists.map(({ text }) => text).join('\n'))
    .digest('hex')
    .slice(0, ID_LENGTH);
  // The places are counted from the end of the line that tells them, the length of which depends on them.
  let line = headOf(id, lists, 0);
  for (let before = -1; before !== line.length;) {
    before = line.length;
    line = headOf(id, lists, before);
  }
  return line + lists.map(({ text }) => text).join('');
}

/**
 * @param {string} id
 * @param {readonly { names: readonly string[], text: string }[]} lists
 * @param {number} before length of this line
 */
function headOf(id, lists, before) {
  let start = before;
  let lines = 1;
  const groups = lists.map(({ text }) => {
    const place = [start, text.length, lines];
    start += text.length;
    lines += text.split('\n').length - 1;
    return place;
  });
  const parts = lists.flatMap(({ names }, group) => names.map((name, index) => [name, [group, index]]));
  return `// ${JSON.stringify({ id, groups, parts: Object.fromEntries(parts) })}\n`;
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
  // To read Latin-1 takes no time; esbuild leaves other characters in comments only, where nobody minds.
  const bare = await transform(code, { minifyWhitespace: true, legalComments: 'none' });
  if (/[^\0-\x7f]/.test(bare.code))
    throw new Error('there are characters in the code of the bundle that are not in ASCII');
  const utf8 = Buffer.from(code, 'utf8').toString('latin1');
  return `(function ${nameOf(path)}(module, exports, require, late, __filename) {${lean(utf8).replaceAll(IMPORT, '$1late')}})\n`;
}

/**
 * Without what esbuild does for strangers: chunks are asked for by each other alone, so that they can have the exports
 * themselves, not a copy of them, and most never want their own address.
 *
 * @param {string} code
 */
function lean(code) {
  return withPlainExports(code)
    .replace(/^module\.exports = __toCommonJS\((\w+)\);$/m, 'module.exports = $1;')
    .replaceAll(/__toESM\((require\("\.[^"]*"\))\)/g, '$1')
    .replaceAll(/^var (\w+) = __toESM\((require\("node:[^"]+"\))\);$/gm, (whole, name, call) =>
      code.includes(`${name}.default`) ? whole : `var ${name} = ${call};`,
    )
    .replaceAll('__moduleUrl', "require('node:url').pathToFileURL(__filename).href");
}

/** What esbuild makes of the exports of a chunk: a getter for each, since some get their values later. */
const EXPORTS = /^__export\((\w+), \{\n((?: {2}\w+: \(\) => \w+,?\n)*)\}\);$/m;
const GETTER = / {2}(\w+): \(\) => (\w+)/g;

/**
 * Functions that are declared are there from the beginning and stay what they are, so they can be exported as they are: chunks
 * ask each other for them thousands of times.
 *
 * @param {string} code
 */
function withPlainExports(code) {
  return code.replace(EXPORTS, (_, target, list) => {
    const all = [...list.matchAll(GETTER)].map(([, name, local]) => ({ name, local }));
    const isPlain = (/** @type {{ local: string }} */ { local }) =>
      new RegExp(`^(?:async )?function\\*? ?${local}\\(`, 'm').test(code) && !new RegExp(`\\b${local} = `).test(code);
    const getters = all.filter((one) => !isPlain(one)).map(({ name, local }) => `  ${name}: () => ${local}`);
    const plain = all.filter(isPlain).map(({ name, local }) => `${target}.${name} = ${local};`);
    const rest = getters.length === 0 ? [] : [`__export(${target}, {`, getters.join(',\n'), '});'];
    return [...rest, ...plain].join('\n');
  });
}

/**
 * What the function of a chunk is called in stack traces, and in V8's account of what was run.
 *
 * @param {string} path
 */
export function nameOf(path) {
  return `$${basename(path, '.js').replaceAll(/\W/g, '_')}`;
}
