// Does the code keep to the shape that makes it easy to find one's way in? CONTRIBUTING.md says why each rule is there.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { ROOT, filesBelow, parseModule, readModules, type Import, type Module } from './helpers/source.ts';

interface Layer {
  /** A folder (ends in `/`) or a file below src/. The first row that fits counts. */
  readonly files: string;
  /** What it may import besides itself. */
  readonly imports: readonly string[];
  /** What it may import the types of, in addition. */
  readonly types?: readonly string[];
  /** Modules of Node it may import; all when absent. */
  readonly node?: readonly string[];
}

/** The bottom: nothing here knows what a registry is. Everything but errors.ts may stand on it. */
const BASE = ['errors.ts', 'util/'];

const LIBRARY = [
  ...BASE,
  'version.ts',
  'spec/',
  'transfer/',
  'http/',
  'auth/',
  'credentials/',
  'endpoints/',
  'hub/',
  'image/',
  'layers/',
  'server/',
  'doctor/',
];

const LAYERS: readonly Layer[] = [
  { files: 'errors.ts', imports: [], node: [] },
  { files: 'version.ts', imports: [], node: [] },
  { files: 'util/', imports: ['errors.ts'] },
  { files: 'spec/', imports: BASE, node: ['node:crypto'] },
  // What layers are made of: tar, compression, packing. Archives and imported images stand on it.
  { files: 'layers/', imports: [...BASE, 'spec/'], types: ['transfer/'] },
  { files: 'transfer/', imports: [...BASE, 'spec/'] },
  { files: 'http/', imports: BASE },
  { files: 'credentials/', imports: [...BASE, 'spec/'] },
  { files: 'auth/', imports: [...BASE, 'http/'], types: ['credentials/'] },
  { files: 'endpoints/open.ts', imports: [...BASE, 'spec/', 'endpoints/'], types: ['transfer/'] },
  { files: 'endpoints/memory.ts', imports: [...BASE, 'spec/', 'transfer/verify.ts'], types: ['transfer/'] },
  { files: 'endpoints/store/', imports: [...BASE, 'spec/', 'transfer/verify.ts'], types: ['transfer/'] },
  { files: 'endpoints/layout/', imports: [...BASE, 'spec/', 'transfer/verify.ts'], types: ['transfer/'] },
  {
    files: 'endpoints/archive/',
    imports: [...BASE, 'spec/', 'layers/', 'transfer/verify.ts'],
    types: ['transfer/', 'endpoints/store/'],
  },
  {
    files: 'endpoints/registry/',
    imports: [...BASE, 'spec/', 'transfer/verify.ts', 'http/', 'auth/'],
    types: ['transfer/', 'credentials/'],
  },
  {
    files: 'endpoints/daemon/',
    imports: [...BASE, 'spec/', 'transfer/verify.ts', 'http/', 'auth/'],
    types: ['transfer/', 'endpoints/archive/'],
  },
  { files: 'hub/', imports: [...BASE, 'http/', 'auth/'], types: ['credentials/'] },
  // Questions about an image read it as copy() does, but never copy.
  {
    files: 'image/',
    imports: [...BASE, 'spec/', 'layers/', 'transfer/read.ts', 'transfer/select.ts'],
    types: ['transfer/'],
  },
  // A registry of our own. It reads a store and another registry through what it is given, and stands beside the endpoints.
  {
    files: 'server/',
    imports: [...BASE, 'spec/', 'transfer/read.ts'],
    types: ['transfer/', 'http/', 'endpoints/store/'],
  },
  // A diagnosis takes the same steps as a pull, one by one, so it knows their parts; nothing but the command line knows it.
  {
    files: 'doctor/',
    imports: [...BASE, 'spec/', 'http/', 'auth/', 'credentials/entry.ts', 'endpoints/registry/'],
    types: ['credentials/', 'endpoints/store/'],
  },
  // One environment becomes registries, credentials and a store: the parts of that know of each other, and of all below.
  { files: 'defaults/', imports: LIBRARY },
  { files: 'defaults.ts', imports: [...LIBRARY, 'defaults/'] },
  { files: 'index.ts', imports: [...LIBRARY, 'defaults.ts'] },
  // cli/ may import what index.ts exports: its own test is below.
];

/** npm package → the one file that imports it. `lazy`: only by `import()`, so that start-up does not pay for it. */
const DOORS: Readonly<Record<string, { file: string; lazy?: boolean }>> = {
  bcryptjs: { file: 'server/htpasswd.ts', lazy: true },
  chalk: { file: 'cli/output/style.ts' },
  commander: { file: 'cli/program.ts' },
  fzstd: { file: 'layers/compression.ts', lazy: true },
  'get-east-asian-width': { file: 'cli/output/width.ts' },
  keytar: { file: 'credentials/keychain.ts', lazy: true },
  ora: { file: 'cli/output/tty.ts', lazy: true },
  'p-limit': { file: 'transfer/limit.ts' },
  tar: { file: 'layers/tar.ts' },
  undici: { file: 'http/undici.ts' },
};

/** The only files that speak to the process they run in. The last two know process ids and users, never settings. */
const PROCESS_FILES = ['cli/main.ts', 'cli/credential-helper.ts', 'util/machine.ts', 'credentials/system.ts'];

/** The only files that ask for the time and for chance; everything else is given them. */
const CLOCK_FILES = ['http/clock.ts', 'util/machine.ts'];

/** Small metadata that is needed in one piece; every one of these has a limit on its size. */
const WHOLE_BYTES_FILES = ['util/content.ts', 'spec/', 'endpoints/registry/manifests.ts', 'server/body.ts'];

/** Test → files that it tests besides the one of its own name: parts that make sense only as parts of that one. */
const TESTED_TOGETHER: Readonly<Record<string, readonly string[]>> = {
  'api.test.ts': ['index.ts'],
  'cli/commands/doctor.test.ts': ['doctor/examine.ts', 'doctor/image.ts', 'doctor/machine.ts', 'doctor/permission.ts'],
  'cli/commands/store/verify.test.ts': ['cli/origins.ts', 'cli/repair.ts'],
  'transfer/copy.test.ts': ['transfer/copier.ts', 'transfer/held.ts', 'transfer/root.ts'],
  'http/lane.test.ts': ['http/tap.ts', 'http/wire.ts'],
  'http/transport.test.ts': ['http/undici-lane.ts'],
  'endpoints/store/part.test.ts': ['endpoints/store/filling.ts', 'endpoints/store/prefix-hash.ts'],
  'endpoints/registry/registry.test.ts': [
    'endpoints/registry/access.ts',
    'endpoints/registry/blobs.ts',
    'endpoints/registry/manifests.ts',
    'endpoints/registry/pages.ts',
    'endpoints/registry/referrers.ts',
    'endpoints/registry/standing.ts',
    'endpoints/registry/tags.ts',
    'endpoints/registry/upload-session.ts',
    'endpoints/registry/upload-start.ts',
    'endpoints/registry/upload.ts',
  ],
  'server/conformance/blobs.test.ts': ['server/blobs.ts', 'server/uploads.ts'],
  'server/conformance/manifests.test.ts': ['server/complete.ts', 'server/manifests.ts', 'server/permissions.ts'],
  'server/exchange.test.ts': ['server/answer.ts', 'server/reply.ts'],
  'server/disk/registry-dir.test.ts': ['server/disk/repositories.ts'],
};

let modules: readonly Module[] = [];

beforeAll(async () => {
  modules = await readModules();
});

/** One line per file and thing that breaks a rule; a test expects none. */
function offences(find: (module: Module) => readonly string[]): string[] {
  return modules.flatMap((module) => find(module).map((what) => `src/${module.path}: ${what}`));
}

function isIn(path: string, places: readonly string[]): boolean {
  return places.some((place) => (place.endsWith('/') ? path.startsWith(place) : path === place));
}

function matches(module: Module, pattern: RegExp): string[] {
  return [...module.code.matchAll(pattern)].map(([text]) => text);
}

describe('who may import whom', () => {
  test('every file keeps to the row of its folder', () => {
    const breaks = offences((module) => {
      if (module.path.startsWith('cli/')) return [];
      const layer = LAYERS.find((row) => isIn(module.path, [row.files]));
      if (layer === undefined) return ['has no row in the table of layers'];
      return module.imports
        .filter((entry) => !allowed(layer, entry))
        .map((entry) => `${entry.kind} import of ${entry.specifier}`);
    });
    expect(breaks).toEqual([]);
  });

  test('the command line uses nothing that a user of the library could not', () => {
    const index = modules.find((module) => module.path === 'index.ts');
    if (index === undefined) return;
    const open = [...index.imports.flatMap((entry) => entry.file ?? []), 'util/', 'cli/'];
    const breaks = offences((module) =>
      module.path.startsWith('cli/')
        ? module.imports.flatMap(({ file }) => (file === undefined || isIn(file, open) ? [] : [`imports ${file}`]))
        : [],
    );
    expect(breaks).toEqual([]);
  });

  test('every npm package comes in by one door', () => {
    const breaks = offences((module) =>
      module.imports.flatMap((entry) => {
        if (entry.package === undefined) return [];
        const door = DOORS[entry.package];
        if (door?.file !== module.path) return [`imports ${entry.package}, which only ${door?.file ?? 'nobody'} may`];
        return door.lazy && entry.kind === 'value' ? [`loads ${entry.package} at once, not by import()`] : [];
      }),
    );
    expect(breaks).toEqual([]);
  });

  test('the packages with a door are the dependencies', () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<string, object>;
    const declared = Object.keys({ ...manifest['dependencies'], ...manifest['optionalDependencies'] });
    expect(declared.toSorted()).toEqual(Object.keys(DOORS).toSorted());
  });

  test('imports make no circles', () => {
    const edges = new Map(
      modules.map((module) => [
        module.path,
        module.imports.filter((entry) => entry.kind !== 'dynamic').flatMap((entry) => entry.file ?? []),
      ]),
    );
    expect(circles(edges)).toEqual([]);
  });

  test('only index.ts hands on the exports of other files', () => {
    const breaks = offences((module) =>
      module.path === 'index.ts'
        ? []
        : [...module.text.matchAll(/^export\s[^;'"]*?\sfrom\s+'([^']+)'/gm)].map(
            ([, from]) => `re-exports from ${from}`,
          ),
    );
    expect(breaks).toEqual([]);
  });
});

describe('what code may do', () => {
  test('the process and the console are used in the main files only', () => {
    const pattern = /(?<![\w$."])(?:process|console)\b(?=[.[])|\bglobalThis\.(?:process|console)\b/g;
    const breaks = offences((module) => {
      if (isIn(module.path, PROCESS_FILES)) return [];
      const imported = module.imports.filter(({ specifier }) => specifier === 'node:process');
      return [...matches(module, pattern), ...imported.map(() => 'imports node:process')];
    });
    expect(breaks).toEqual([]);
  });

  test('time and chance are asked for in one file only', () => {
    const pattern = /\bDate\.now\(|\bMath\.random\(|\bnew Date(?:\(\)|(?![\w(]))/g;
    expect(offences((module) => (isIn(module.path, CLOCK_FILES) ? [] : matches(module, pattern)))).toEqual([]);
  });

  test('every failure is a HubError', () => {
    const pattern = /\bthrow new (?!HubError\b)\w+|\bthrow\s*["'`{[\d]|\bnew (?:\w+)?(?<!Hub)Error\(/g;
    expect(offences((module) => matches(module, pattern))).toEqual([]);
  });

  test('there is one class of errors', () => {
    const breaks = offences((module) => (module.path === 'errors.ts' ? [] : matches(module, /\bextends \w*Error\b/g)));
    expect(breaks).toEqual([]);
  });

  test('no error is caught and forgotten', () => {
    expect(offences((module) => matches(module, /\bcatch(?:\([^)]*\))?\{\}/g))).toEqual([]);
  });

  test('content is streamed, never gathered', () => {
    const pattern = /\bBuffer\.concat\b|\.arrayBuffer\(|\bnew Response\b/g;
    const breaks = offences((module) => (isIn(module.path, WHOLE_BYTES_FILES) ? [] : matches(module, pattern)));
    expect(breaks).toEqual([]);
  });

  test('nothing is exported as default', () => {
    expect(offences((module) => matches(module, /\bexport default\b|\bas default\b/g))).toEqual([]);
  });
});

describe('how a reader finds the way', () => {
  test('every file begins with one line that says what it answers', () => {
    const breaks = modules.filter((module) => !/^\/\/ \S.*[.?]\n(?!\/\/)/.test(module.text));
    expect(breaks.map((module) => `src/${module.path}`)).toEqual([]);
  });

  test('every file with code has a test of the same name', async () => {
    const tests = new Set(await filesBelow('test'));
    const together = (path: string): string | undefined =>
      Object.keys(TESTED_TOGETHER).find((name) => TESTED_TOGETHER[name]?.includes(path));
    const mirror = (path: string): string => together(path) ?? path.replace(/\.ts$/, '.test.ts');
    const missing = modules.filter((module) => module.code !== '' && !tests.has(mirror(module.path)));
    expect(missing.map((module) => `src/${module.path} wants test/${mirror(module.path)}`)).toEqual([]);
    const known = new Set(modules.map((module) => module.path));
    expect(
      Object.values(TESTED_TOGETHER)
        .flat()
        .filter((path) => !known.has(path)),
    ).toEqual([]);
  });

  test('every file named in "Where is" of the README exists', () => {
    const readme = existsSync(join(ROOT, 'README.md')) ? readFileSync(join(ROOT, 'README.md'), 'utf8') : '';
    const section = /^#+ Where is[^\n]*\n([\s\S]*?)(?=^#+ |$(?![\s\S]))/m.exec(readme)?.[1] ?? '';
    const named = [...section.matchAll(/`((?:src|bin|test|scripts)\/[^`]*)`/g)].map(([, path = '']) => path);
    expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });
});

describe('the reader of imports', () => {
  test('tells values, types, re-exports and import() apart', async () => {
    const text = `
      // import nothing from 'comment';
import { readFile } from 'node:fs/promises';
import type { A } from './a.ts';
import {
  b,
  type B,
} from '../b.ts';
export { c } from './c.ts';
export type { D } from './d.ts';
import './effect.ts';
const lazy = () => import('@scope/pack/deep.js');
type E = import('./e.ts').E;
use(readFile, b, lazy);
`;
    const { imports } = await parseModule('x/y.ts', text);
    expect(imports.map((entry) => `${entry.kind} ${entry.file ?? entry.package ?? entry.specifier}`)).toEqual([
      'value node:fs/promises',
      'type x/a.ts',
      'value b.ts',
      're-export x/c.ts',
      'type x/d.ts',
      'value x/effect.ts',
      'dynamic @scope/pack',
      'type x/e.ts',
    ]);
  });

  test('leaves no code of a file that declares only types', async () => {
    const { code } = await parseModule(
      'x.ts',
      '// What?\nimport type { A } from "./a.ts";\nexport interface B extends A {}\n',
    );
    expect(code).toBe('');
  });
});

function allowed(layer: Layer, entry: Import): boolean {
  if (entry.package !== undefined) return true; // the test of doors looks at these
  if (entry.file === undefined) return layer.node?.includes(entry.specifier) ?? true;
  const types = entry.kind === 'type' ? (layer.types ?? []) : [];
  return isIn(entry.file, [layer.files, ...layer.imports, ...types]);
}

/** Each circle once, as `a → b → a`. */
function circles(edges: ReadonlyMap<string, readonly string[]>): string[] {
  const found: string[] = [];
  const finished = new Set<string>();
  const walk = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) found.push([...trail.slice(trail.indexOf(path)), path].join(' → '));
    if (finished.has(path) || trail.includes(path)) return;
    for (const next of edges.get(path) ?? []) walk(next, [...trail, path]);
    finished.add(path);
  };
  for (const path of edges.keys()) walk(path, []);
  return found;
}
