import { describe, expect, test } from 'vitest';
import { each } from '../../src/cli/each.ts';
import { HubError, type ErrorCode } from '../../src/errors.ts';
import { newContext } from '../helpers/context.ts';
import { hubErrorFrom } from '../helpers/errors.ts';

/** Fails for items that are codes. */
async function work(item: string): Promise<string> {
  if (/^[A-Z_]+$/.test(item)) throw new HubError(item as ErrorCode, `${item.toLowerCase()} happened`);
  return `${item}!`;
}

describe('what succeeded', () => {
  test('is given in the order of the items', async () => {
    const release: (() => void)[] = [];
    const second = new Promise<void>((resolve) => void release.push(resolve));
    const { finished } = await each(newContext().context, ['a', 'b'], async (item) => {
      if (item === 'a') await second;
      else release[0]?.();
      return item;
    });
    expect(finished.map(({ item }) => item)).toEqual(['a', 'b']);
  });

  test('is given with what came of it, without what failed', async () => {
    const result = await each(newContext().context, ['a', 'NOT_FOUND', 'b'], work);
    expect(result.finished).toEqual([
      { item: 'a', value: 'a!' },
      { item: 'b', value: 'b!' },
    ]);
    expect(result.failures).toBe(1);
  });
});

describe('rethrow', () => {
  /** The error thrown for these items, and what was told before. */
  const thrown = async (...items: string[]): Promise<{ error: HubError; stderr: string }> => {
    const { context, io } = newContext();
    const { rethrow } = await each(context, items, work);
    return { error: await hubErrorFrom(rethrow), stderr: io.stderr.text };
  };

  test('does nothing when nothing failed', async () => {
    const { context, io } = newContext();
    const { rethrow, failures } = await each(context, ['a', 'b'], work);
    rethrow();
    expect({ failures, stderr: io.stderr.text }).toEqual({ failures: 0, stderr: '' });
  });

  test('throws the error of a single item as it is', async () => {
    const { error, stderr } = await thrown('DENIED');
    expect(error).toMatchObject({ code: 'DENIED', message: 'denied happened' });
    expect(stderr).toBe('');
  });

  test('says what was done to which item', async () => {
    const doing = (item: string): readonly [string, string] => ['pull', `app:${item}`];
    const { rethrow } = await each(newContext().context, ['DENIED'], work, { doing });
    expect((await hubErrorFrom(rethrow)).message).toBe('pull app:DENIED: denied happened');
  });

  test('tells each error of several items and throws PARTIAL', async () => {
    const { error, stderr } = await thrown('a', 'NOT_FOUND', 'DENIED');
    expect(error).toMatchObject({ code: 'PARTIAL', message: '2 of 3 failed' });
    expect(stderr).toMatch(/^hubctl: not_found happened\nhubctl: denied happened\n/);
  });

  test('is PARTIAL when one of several items succeeded, whatever the others have in common', async () => {
    expect((await thrown('a', 'NOT_FOUND', 'NOT_FOUND')).error.code).toBe('PARTIAL');
  });

  test('throws the code that all items have in common', async () => {
    expect((await thrown('NOT_FOUND', 'NOT_FOUND')).error).toMatchObject({
      code: 'NOT_FOUND',
      message: '2 of 2 failed',
    });
  });

  test('is PARTIAL when all items failed, each in its own way', async () => {
    expect((await thrown('NOT_FOUND', 'DENIED')).error.code).toBe('PARTIAL');
  });

  test('tells errors as JSON with --json', async () => {
    const { context, io } = newContext({ flags: { json: true } });
    const { rethrow } = await each(context, ['a', 'NOT_FOUND'], work);
    expect(rethrow).toThrow('1 of 2 failed');
    expect(JSON.parse(io.stderr.text)).toMatchObject({ error: { code: 'NOT_FOUND' } });
  });

  test('lets a bug through, which matters more than what failed in the open', async () => {
    const bug = new TypeError('undefined is not a function');
    const { rethrow } = await each(newContext().context, ['NOT_FOUND', 'bug'], async (item) => {
      if (item === 'bug') throw bug;
      return work(item);
    });
    expect(rethrow).toThrow(bug);
  });

  test('throws the first error when everything was stopped, and tells none', async () => {
    const controller = new AbortController();
    const { context, io } = newContext({ signal: controller.signal });
    controller.abort();
    const { rethrow } = await each(context, ['ABORTED', 'ABORTED'], work);
    expect((await hubErrorFrom(rethrow)).message).toBe('aborted happened');
    expect(io.stderr.text).toBe('');
  });
});
