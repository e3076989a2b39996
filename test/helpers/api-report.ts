// Which declarations make up the public API? Those that index.ts exports, and those that these speak of.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from './source.ts';

const run = promisify(execFile);

interface Origin {
  readonly module: string;
  readonly name: string;
}

interface Declarations {
  /** Name → text; overloads stand together. */
  readonly texts: ReadonlyMap<string, string>;
  /** Names of other modules: imported, or handed on. */
  readonly imports: ReadonlyMap<string, Origin>;
}

/** The text of the report: first what can be imported, then the types behind it. */
export async function apiReport(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hubctl-api-'));
  try {
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    const flags = ['-p', 'tsconfig.build.json', '--emitDeclarationOnly', '--outDir', folder];
    // Errors of types are told by `npm run types`; declarations are written all the same.
    await run(process.execPath, [tsc, ...flags], { cwd: ROOT }).catch((error: Error) => error);
    return await reportOf((module) => readFile(join(folder, module), 'utf8'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The report of declaration files; `read` gives the text of one, `index.d.ts` first. */
export async function reportOf(read: (module: string) => Promise<string>): Promise<string> {
  const modules = new Map<string, Promise<Declarations>>();
  const load = (module: string): Promise<Declarations> => {
    const known = modules.get(module) ?? read(module).then((text) => parseDeclarations(module, text));
    modules.set(module, known);
    return known;
  };
  const exported = [...(await load('index.d.ts')).imports.values()];
  const found = new Map<string, string>();
  const wanted = [...exported];
  for (let origin = wanted.pop(); origin !== undefined; origin = wanted.pop()) {
    const { module, name } = origin;
    const key = `${name} (${module.replace('.d.ts', '.ts')})`;
    const { texts, imports } = await load(module);
    const elsewhere = imports.get(name);
    if (elsewhere) wanted.push(elsewhere);
    const text = texts.get(name);
    if (text === undefined || found.has(key)) continue;
    found.set(key, text);
    for (const word of new Set(text.match(/[A-Za-z_$][\w$]*/g))) {
      if (texts.has(word) || imports.has(word)) wanted.push({ module, name: word });
    }
  }
  const isExported = new Set(exported.map(({ module, name }) => `${name} (${module.replace('.d.ts', '.ts')})`));
  const sections = [...found].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const write = (keep: boolean): string =>
    sections
      .filter(([key]) => isExported.has(key) === keep)
      .map(([key, text]) => `// ${key}\n${text}\n`)
      .join('\n');
  return `# Exported\n\n${write(true)}\n# Behind it\n\n${write(false)}`;
}

function parseDeclarations(module: string, source: string): Declarations {
  const text = source
    .replaceAll(/\/\*[\s\S]*?\*\//g, '')
    .replaceAll(/^\s*\/\/.*$/gm, '')
    .replaceAll(/\n\s*\n+/g, '\n');
  const texts = new Map<string, string>();
  const imports = new Map<string, Origin>();
  for (const statement of text.split(/^(?=(?:export|import|declare|interface|type)\b)/m)) {
    const list = /^(?:import|export)\s+(?:type\s+)?\{([^}]*)\}\s+from\s+'(\.[^']+)'/.exec(statement);
    const declared =
      /^(?:export )?(?:declare )?(?:abstract )?(?:interface|type|class|function|const|let) ([\w$]+)/.exec(statement);
    if (list) for (const [local, origin] of namesIn(module, list)) imports.set(local, origin);
    else if (declared) {
      const [, name = ''] = declared;
      texts.set(name, [texts.get(name) ?? [], statement.trim()].flat().join('\n'));
    }
  }
  return { texts, imports };
}

function namesIn(module: string, [, list = '', from = '']: RegExpExecArray): [string, Origin][] {
  const target = posix.join(posix.dirname(module), from).replace(/\.[jt]s$/, '.d.ts');
  const names = list.split(',').map((entry) => entry.trim().replace(/^type\s+/, ''));
  return names.filter(Boolean).map((entry) => {
    const [name = '', local = name] = entry.split(/\s+as\s+/);
    return [local, { module: target, name }];
  });
}
