// What does the library promise? test/api.report.txt says it; changing that is a decision: `npx vitest run test/api.test.ts -u`.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { apiReport, reportOf } from './helpers/api-report.ts';
import { ROOT } from './helpers/source.ts';

test('the public API is the one in the report', async () => {
  const report = await apiReport();
  await expect(report).toMatchFileSnapshot('api.report.txt');
});

test('every module can be loaded, and gives the values that index.ts names', async () => {
  const library = (await import('../src/index.ts')) as Record<string, unknown>;
  const index = await readFile(join(ROOT, 'src/index.ts'), 'utf8');
  const lists = [...index.matchAll(/^export \{([^}]*)\} from/gm)].flatMap(([, list = '']) => list.split(','));
  const values = lists.map((name) => name.trim()).filter((name) => name !== '' && !name.startsWith('type '));
  expect(Object.keys(library).toSorted()).toEqual(values.toSorted());
  expect(Object.entries(library).filter(([, value]) => value === undefined)).toEqual([]);
});

test('a report holds what is exported and what that speaks of, and nothing else', async () => {
  const files: Record<string, string> = {
    'index.d.ts': "export { copy, type Options } from './copy.ts';\n",
    'copy.d.ts': [
      "import type { Place } from './place.ts';",
      'export interface Options {',
      '    /** Place is where. */',
      '    readonly signal?: AbortSignal;',
      '}',
      'interface Hidden {',
      '    readonly at: Place;',
      '}',
      'interface Unused {',
      '}',
      'export declare function copy(options: Hidden): void;',
      'export declare function copy(): void;',
    ].join('\n'),
    'place.d.ts': 'export interface Place {\n}\nexport interface Other {\n}\n',
  };
  const report = await reportOf(async (module) => files[module] ?? '');
  expect(report).toBe(
    [
      '# Exported\n',
      '// Options (copy.ts)\nexport interface Options {\n    readonly signal?: AbortSignal;\n}\n',
      '// copy (copy.ts)\nexport declare function copy(options: Hidden): void;\nexport declare function copy(): void;\n',
      '# Behind it\n',
      '// Hidden (copy.ts)\ninterface Hidden {\n    readonly at: Place;\n}\n',
      '// Place (place.ts)\nexport interface Place {\n}\n',
    ].join('\n'),
  );
});
