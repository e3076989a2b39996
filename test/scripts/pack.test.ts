import { Script } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { nameOf, packed } from '../../scripts/pack.js';

const CHUNKS = [
  { path: '/out/main.js', text: "import { two } from './chunks/two-X.js';\nexport const three = () => two + 1;\n" },
  {
    path: '/out/chunks/two-X.js',
    text: '/*! zwölf → 12 */\nexport const two = 2;\nexport const where = import.meta.url;\n',
  },
];

interface Head {
  readonly id: string;
  readonly groups: readonly (readonly [start: number, length: number, lines: number])[];
  readonly parts: Readonly<Record<string, readonly [group: number, index: number]>>;
}

function headOf(pack: string): Head {
  return JSON.parse(pack.slice(3, pack.indexOf('\n'))) as Head;
}

function run(pack: string, name: string): Record<string, unknown> {
  const { groups, parts } = headOf(pack);
  const [group = 0, index = 0] = parts[name] ?? [];
  const [start, length] = groups[group] ?? [0, 0];
  const module = { exports: {} as Record<string, unknown> };
  const list = new Script(pack.slice(start, start + length)).runInThisContext() as ((...args: unknown[]) => void)[];
  const need = (wanted: string): unknown =>
    wanted.startsWith('.') ? run(pack, wanted.replace(/.*\//, '')) : process.getBuiltinModule(wanted);
  list[index]?.(module, module.exports, need, need, '/somewhere/pack.js');
  return module.exports;
}

describe('a pack', () => {
  test('has each chunk where its first line says', async () => {
    const pack = await packed(CHUNKS, {});
    expect((run(pack, 'main.js')['three'] as () => number)()).toBe(3);
    expect(run(pack, 'two-X.js')['where']).toBe('file:///somewhere/pack.js');
  });

  test('says on which line each chunk begins', async () => {
    const pack = await packed(CHUNKS, {});
    const { groups, parts } = headOf(pack);
    expect(groups).toHaveLength(2);
    for (const [name, [group]] of Object.entries(parts)) {
      const [start = 0, , lines = 0] = groups[group] ?? [];
      expect(pack.split('\n')[lines], name).toBe(pack.slice(start).split('\n')[0]);
      expect(pack.split('\n')[lines]).toContain(`function ${nameOf(name)}(`);
    }
  });

  test('has chunks that are loaded together as one list, in their order', async () => {
    const pack = await packed(CHUNKS, {}, { groups: [['two-X.js', 'main.js']] });
    expect(headOf(pack).groups).toHaveLength(1);
    expect(headOf(pack).parts).toEqual({ 'two-X.js': [0, 0], 'main.js': [0, 1] });
    expect((run(pack, 'main.js')['three'] as () => number)()).toBe(3);
  });

  test('gives functions themselves, and what may become something else as it is at that time', async () => {
    const text = `export function same() { return 1; }
      export async function later() { return 2; }
      export function swapped() { return 3; }
      export function swap() { swapped = () => 4; }
      export const fixed = () => 5;\n`;
    const exported = run(await packed([{ path: 'main.js', text }], {}), 'main.js') as Record<string, () => unknown>;
    const descriptors = Object.entries(Object.getOwnPropertyDescriptors(exported));
    const getters = descriptors.filter(([, { get }]) => get !== undefined).map(([name]) => name);
    expect(getters.toSorted()).toEqual(['fixed', 'swapped']);
    exported['swap']?.();
    const results = ['same', 'swapped', 'fixed'].map((name) => exported[name]?.());
    expect([...results, await exported['later']?.()]).toEqual([1, 4, 5, 2]);
  });

  test('gives exports that change as they are, and modules of Node.js with all they have', async () => {
    const chunks = [
      { path: 'count.js', text: 'export let count = 0;\nexport function add() { count += 1; }\n' },
      {
        path: 'main.js',
        text: `import { add, count } from './count.js';
          import * as path from 'node:path';
          import whole from 'node:path';
          export const counted = () => { add(); return count; };
          export const later = async () => Object.keys(await import('./count.js'));
          export const same = path.join === whole.join;\n`,
      },
    ];
    const pack = await packed(chunks, {}, { groups: [['count.js', 'main.js']] });
    const { counted, later, same } = run(pack, 'main.js') as {
      counted: () => number;
      later: () => Promise<string[]>;
      same: boolean;
    };
    expect(counted()).toBe(1);
    expect((await later()).toSorted()).toEqual(['add', 'count']);
    expect(same).toBe(true);
  });

  test('is the same for the same chunks, and has another id for others', async () => {
    const ids = await Promise.all(
      [
        packed(CHUNKS, {}),
        packed(CHUNKS, {}),
        packed(CHUNKS, {}, { salt: 'salt' }),
        packed(CHUNKS.toReversed(), {}),
      ].map(async (pack) => headOf(await pack).id),
    );
    expect(ids[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(ids[1]).toBe(ids[0]);
    expect(new Set(ids).size).toBe(3);
  });

  test('counts bytes, so that it can be read as Latin-1', async () => {
    const pack = await packed(CHUNKS, {});
    expect(Buffer.from(pack, 'latin1').length).toBe(pack.length);
    expect(Buffer.from(pack, 'latin1').toString('utf8')).toContain('zwölf → 12');
  });

  test('is refused when its code would read differently as Latin-1', async () => {
    const text = 'export const pattern = /zwölf/;\n';
    await expect(packed([{ path: 'main.js', text }], { charset: 'utf8' })).rejects.toThrow('not in ASCII');
  });
});
