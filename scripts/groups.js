// Which chunks of the command line are loaded together, so that V8 takes them as one script?
import { basename } from 'node:path';

/**
 * What a command that comes here loads next, all of it. Each row is a group of its own: a later one leaves out what an earlier
 * one has.
 */
const TOGETHER = [
  ['src/cli/main.ts'],
  ['src/http/dial-ahead.ts'],
  ['src/cli/program.ts', 'src/cli/create-context.ts'],
  ['src/endpoints/store/store.ts'],
  [
    'src/credentials/access.ts',
    'src/endpoints/registry/client.ts',
    'src/endpoints/registry/hosts.ts',
    'src/endpoints/registry/traits.ts',
    'src/http/client.ts',
    'src/http/addresses.ts',
    'src/http/clock.ts',
    'src/http/origin.ts',
    'src/http/plain-first.ts',
    'src/http/proxy.ts',
    'src/http/tls.ts',
    'src/auth/authenticate.ts',
    'src/auth/saved-tokens.ts',
    'src/util/private-file.ts',
  ],
];
/** Commands that copy images: what all of them need is a group. */
const COPIES = ['src/cli/commands/pull.ts', 'src/cli/commands/push.ts', 'src/cli/commands/copy.ts'];

/**
 * Names of chunks that are loaded together. A chunk in none of the groups is loaded alone. Throws when a source that is named
 * here is no longer loaded by itself.
 *
 * @param {import('esbuild').Metafile} metafile
 * @returns {readonly string[][]}
 */
export function groupsOf({ outputs }) {
  const all = TOGETHER.map((sources) => sources.flatMap((source) => [...closureOf(source, outputs)]));
  const [first = [], ...others] = COPIES.map((source) => [...closureOf(source, outputs)]);
  all.push(first.filter((path) => others.every((paths) => paths.includes(path))));
  const known = new Set();
  return all.map((paths) => {
    const fresh = [...new Set(paths)].filter((path) => !known.has(path));
    for (const path of fresh) known.add(path);
    return fresh.map((path) => basename(path));
  });
}

/**
 * The chunk that begins with a source, and all that it imports at once.
 *
 * @param {string} source
 * @param {import('esbuild').Metafile['outputs']} outputs
 */
function closureOf(source, outputs) {
  const [begin] = Object.entries(outputs).find(([, { entryPoint }]) => entryPoint === source) ?? [];
  if (begin === undefined) throw new Error(`${source} does not begin a chunk`);
  const found = new Set([begin]);
  for (const path of found) {
    for (const { path: next, kind } of outputs[path]?.imports ?? []) {
      if (kind === 'import-statement' && next in outputs) found.add(next);
    }
  }
  return found;
}
