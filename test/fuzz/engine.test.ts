// Does the fuzzer find what is wrong, say how to see it again, and do the same for the same seed?
import { readFileSync, rmSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { HubError } from '../../src/errors.ts';
import { Chance } from './chance.ts';
import { formatLine, parseLine } from './corpus.ts';
import { fuzz } from './engine.ts';
import { mutate } from './mutate.ts';
import type { Target } from './target.ts';

const base: Target = {
  name: 'planted',
  limit: 200,
  executions: 0,
  seeds: ['a harmless text'],
  words: ['magic', 'word'],
  codes: ['USAGE'],
  run: () => 'ok',
};

async function findingOf(target: Partial<Target>, seed = 1): Promise<string> {
  const error: unknown = await fuzz({ ...base, ...target }, { executions: 20_000, seed }).catch(
    (found: unknown) => found,
  );
  const text = error instanceof Error ? error.message : 'nothing was found';
  const path = /the input is in (\S+),/.exec(text)?.[1];
  if (path !== undefined) onTestFinished(() => rmSync(path, { force: true }));
  return text;
}

const broken = (input: Buffer): string => {
  if (input.includes('magicword')) throw new TypeError('it broke');
  return 'ok';
};

describe('the fuzzer', () => {
  test('finds an error that is not ours, and keeps the shortest input that has it', async () => {
    const text = await findingOf({ run: broken });
    expect(text).toMatch(/^planted, seed 1, execution \d+: TypeError: it broke/);
    expect(readFileSync(/the input is in (\S+),/.exec(text)![1]!, 'utf8')).toBe('magicword');
    expect(text).toContain('HUBCTL_FUZZ_INPUT=');
  });

  test('finds it at the same execution with the same seed', async () => {
    const place = async (seed: number): Promise<string | undefined> =>
      /execution \d+/.exec(await findingOf({ run: broken }, seed))?.[0];
    expect(await place(7)).toBe(await place(7));
    expect(await place(7)).not.toBe(await place(8));
  });

  test('finds an error of ours that must not come from there', async () => {
    const run = (): never => {
      throw new HubError('STORAGE', 'the disk');
    };
    expect(await findingOf({ run })).toContain('STORAGE is not expected');
    expect(await findingOf({ run, codes: ['STORAGE'] })).toBe('nothing was found');
  });

  test('finds what takes too long', async () => {
    const run = (): undefined => {
      for (const end = performance.now() + 20; performance.now() < end;);
      return undefined;
    };
    expect(await findingOf({ run, longest: 10 })).toMatch(/execution 0: takes \d+ ms/);
  });

  test('finds a promise that is rejected', async () => {
    expect(await findingOf({ together: 4, run: async (input) => broken(input) })).toContain('it broke');
  });
});

describe('its inputs', () => {
  test('are never longer than allowed', () => {
    const chance = new Chance(3);
    let input: Buffer = Buffer.from('text 12');
    for (let count = 0; count < 5000; count += 1) {
      input = mutate(input, chance, { words: [Buffer.from('word')], other: () => input, limit: 100 });
      expect(input.length).toBeLessThanOrEqual(100);
    }
  });

  test.each([Buffer.from('text "\\\n'), Buffer.from([0, 1, 255, 128, 10]), Buffer.alloc(500), Buffer.from('')])(
    'can be written down in one line: %j',
    (input) => {
      const line = formatLine(input);
      expect(line).not.toContain('\n');
      expect(line).not.toMatch(/[^\x20-\x7e]/);
      expect(parseLine(line).equals(input)).toBe(true);
    },
  );
});
