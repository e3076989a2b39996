// What does each file of src/ import, and what code is left of it without types and comments?
import { transform } from 'esbuild';
import { readdir, readFile } from 'node:fs/promises';
import { join, posix, relative, sep } from 'node:path';

export const ROOT: string = join(import.meta.dirname, '../..');

export interface Import {
  /** As written: `../errors.ts`, `node:fs`, `undici/lib/api/index.js`. */
  readonly specifier: string;
  /** Path below src/ when it is a file of ours. */
  readonly file: string | undefined;
  /** Name of the package when it comes from npm. */
  readonly package: string | undefined;
  readonly kind: 'value' | 'type' | 'dynamic' | 're-export';
}

export interface Module {
  /** Path below src/, with `/`. */
  readonly path: string;
  readonly text: string;
  /** Without types, comments and the insides of string literals; empty when the file declares only types. */
  readonly code: string;
  readonly imports: readonly Import[];
}

/** Every file below a folder of the project, as paths below that folder. */
export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(join(ROOT, folder), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(join(ROOT, folder), join(entry.parentPath, entry.name)).split(sep).join('/'))
    .toSorted();
}

/** Every module of src/. */
export async function readModules(): Promise<Module[]> {
  const paths = (await filesBelow('src')).filter((path) => path.endsWith('.ts'));
  return Promise.all(paths.map(async (path) => parseModule(path, await readFile(join(ROOT, 'src', path), 'utf8'))));
}

/** One module from its text; `path` is below src/. */
export async function parseModule(path: string, text: string): Promise<Module> {
  const { code } = await transform(text, { loader: 'ts', minifyWhitespace: true, legalComments: 'none' });
  const declarations = path.endsWith('.d.ts');
  return { path, text, code: declarations ? '' : withoutStrings(code), imports: importsOf(path, text, code) };
}

function importsOf(path: string, text: string, code: string): Import[] {
  const statements = text.matchAll(/^(import|export)\s+(type\s+)?(?:[\w$*{][^;'"]*?\sfrom\s+)?'([^']+)'/gm);
  const found = [...statements].map(([, word, type, specifier = '']) => {
    const loading = word === 'export' ? 're-export' : 'value';
    return describe(path, specifier, type ? 'type' : loading);
  });
  const dynamic = [...code.matchAll(/\bimport\("([^"]+)"\)/g)].map(([, name = '']) => describe(path, name, 'dynamic'));
  const typeQueries = [...text.matchAll(/\bimport\('([^']+)'\)/g)]
    .filter(([, name]) => !dynamic.some((entry) => entry.specifier === name))
    .map(([, name = '']) => describe(path, name, 'type'));
  return [...found, ...dynamic, ...typeQueries];
}

function describe(from: string, specifier: string, kind: Import['kind']): Import {
  if (specifier.startsWith('.')) {
    return { specifier, kind, file: posix.join(posix.dirname(from), specifier), package: undefined };
  }
  const name = /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0];
  return { specifier, kind, file: undefined, package: specifier.startsWith('node:') ? undefined : name };
}

function withoutStrings(code: string): string {
  return code.replaceAll(/"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/g, '""').trim();
}
