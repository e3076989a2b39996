import { describe, expect, test } from 'vitest';
import type { Context } from '../../src/cli/context.ts';
import { listNames, type ListOptions } from '../../src/cli/list-names.ts';
import { createOutput } from '../../src/cli/output/create.ts';
import { fakeIo } from '../helpers/terminal.ts';

interface Listed {
  readonly stdout: string;
  /** Names that were asked for. */
  readonly asked: number;
}

async function listed(
  names: readonly string[],
  options: Partial<ListOptions> & { format?: string } = {},
): Promise<Listed> {
  const io = fakeIo();
  let asked = 0;
  const iterate = async function* (): AsyncGenerator<string, void> {
    for (const name of names) {
      asked += 1;
      yield name;
    }
  };
  const output = createOutput({ io, json: false, quiet: false, format: options.format, progress: 'none' });
  await listNames({ io, output } as unknown as Context, iterate(), { key: 'Tag', json: (all) => all, ...options });
  return { stdout: io.stdout.text, asked };
}

describe('a list of names', () => {
  test('is printed name by name', async () => {
    expect(await listed(['b', 'a'])).toEqual({ stdout: 'b\na\n', asked: 2 });
  });

  test('is printed before it is complete', async () => {
    const io = fakeIo();
    const before: string[] = [];
    const iterate = async function* (): AsyncGenerator<string, void> {
      yield 'first';
      // As while the next page is under way.
      await new Promise((resolve) => setImmediate(resolve));
      before.push(io.stdout.text);
      yield 'second';
    };
    const output = createOutput({ io, json: false, quiet: false, progress: 'none' });
    await listNames({ io, output } as unknown as Context, iterate(), { key: 'Tag', json: (all) => all });
    expect(before).toEqual(['first\n']);
  });

  test('may come page by page', async () => {
    const io = fakeIo();
    const pages = async function* (): AsyncGenerator<readonly string[], void> {
      yield ['a', 'b'];
      yield [];
      yield ['b', 'c', 'd'];
      throw new Error('asked for more than enough');
    };
    const output = createOutput({ io, json: false, quiet: false, progress: 'none' });
    await listNames({ io, output } as unknown as Context, pages(), { key: 'Tag', limit: 3, json: (all) => all });
    expect(io.stdout.text).toBe('a\nb\nc\n');
  });

  test('of very many is whole, in order', async () => {
    const names = Array.from({ length: 50_000 }, (_, at) => `v${at}`);
    expect(await listed(names)).toEqual({ stdout: `${names.join('\n')}\n`, asked: 50_000 });
  });

  test('loses a name that repeats the one before', async () => {
    expect((await listed(['a', 'a', 'b', 'a'])).stdout).toBe('a\nb\na\n');
  });

  test('ends at the limit, which counts names that match', async () => {
    expect(await listed(['x1', 'a', 'x2', 'x3'], { match: 'x*', limit: 2 })).toEqual({ stdout: 'x1\nx2\n', asked: 3 });
  });

  test('is sorted by version before it is cut', async () => {
    const { stdout, asked } = await listed(['v1.10', 'v1.9', 'latest', 'v1.9-rc', 'V1'], { sort: true, limit: 3 });
    expect(stdout).toBe('latest\nV1\nv1.9\n');
    expect(asked).toBe(5);
  });

  test('makes control characters visible', async () => {
    expect((await listed(['a\u001b[2J'])).stdout).toBe('a\\u{1b}[2J\n');
  });

  test('fills a template', async () => {
    expect((await listed(['a', 'b'], { format: 'repo:{{.Tag}}' })).stdout).toBe('repo:a\nrepo:b\n');
  });

  test.each([{ limit: 0 }, { limit: -1 }, { limit: 1.5 }, { match: '[' }])('is not begun for %j', async (options) => {
    await expect(listed(['a'], options)).rejects.toMatchObject({ code: 'USAGE' });
  });
});
