import bcrypt from 'bcryptjs';
import { rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openHtpasswd, parseHtpasswd } from '../../src/server/htpasswd.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { folder } from '../helpers/folder.ts';

const hashOf = (password: string): string => bcrypt.hashSync(password, 4);
const SECRET = hashOf('secret');
const OTHER = hashOf('other');

let time = 0;
beforeEach(() => {
  time = performance.now();
  vi.spyOn(performance, 'now').mockImplementation(() => time);
});
afterEach(() => vi.restoreAllMocks());

function fileOf(text: string): string {
  const path = join(folder(), 'htpasswd');
  writeFileSync(path, text);
  return path;
}

/** Another text in the file, so that it also looks changed to a clock of whole seconds. */
function change(path: string, text: string): void {
  writeFileSync(path, text);
  utimesSync(path, 1_700_000_000, 1_700_000_000 + text.length);
}

describe('a file', () => {
  test('has names and hashes, comments and empty lines', () => {
    const text = `# people\n\ntester:${SECRET}\r\nwith space:${OTHER} \n   \n`;
    expect([...parseHtpasswd(text, 'f')]).toEqual([
      ['tester', SECRET],
      ['with space', OTHER],
    ]);
  });

  test.each([
    ['an MD5 hash', 'tester:$apr1$abc$def', 'line 1 has no bcrypt hash'],
    ['a plain password', `a:${SECRET}\nb:password`, 'line 2 has no bcrypt hash'],
    ['a SHA hash', 'tester:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=', 'line 1 has no bcrypt hash'],
    ['no name', `:${SECRET}`, 'line 1 has no name and password'],
    ['no colon', 'tester', 'line 1 has no name and password'],
    ['nobody', '# nobody\n', 'names no account'],
  ])('with %s is refused without showing it', async (_, text, message) => {
    const error = await hubErrorFrom(() => openHtpasswd(fileOf(text)));
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message).toContain(message);
    expect(error.message + (error.hint ?? '')).not.toMatch(/\$apr1|:password|W6ph/);
  });

  test('that is not there, or is far too large, is refused', async () => {
    expect((await hubErrorFrom(() => openHtpasswd(join(folder(), 'none')))).message).toContain('does not exist');
    const large = fileOf(`tester:${SECRET}\n#${'x'.repeat(1024 * 1024)}`);
    expect((await hubErrorFrom(() => openHtpasswd(large))).message).toContain('is larger than 1048576 bytes');
  });
});

describe('passwords', () => {
  test('are right or wrong', async () => {
    const accounts = await openHtpasswd(fileOf(`tester:${SECRET}\nother:${OTHER}\n`));
    expect(await accounts.check('tester', 'secret')).toBe(true);
    expect(await accounts.check('tester', 'other')).toBe(false);
    expect(await accounts.check('nobody', 'secret')).toBe(false);
    expect(await accounts.check('', '')).toBe(false);
    expect(await accounts.check('__proto__', 'secret')).toBe(false);
  });

  test('of hashes as htpasswd -B makes them are known', async () => {
    const accounts = await openHtpasswd(fileOf(`tester:${SECRET.replace(/^\$2[ab]/, '$2y')}\n`));
    expect(await accounts.check('tester', 'secret')).toBe(true);
  });

  test('of a name that is not there cost as much work as others', async () => {
    const accounts = await openHtpasswd(fileOf(`tester:${SECRET}\n`));
    const compare = vi.spyOn(bcrypt, 'compare');
    await accounts.check('nobody', 'x');
    await accounts.check('tester', 'x');
    expect(compare.mock.calls).toEqual([
      ['x', SECRET],
      ['x', SECRET],
    ]);
  });

  test('that were right need no such work for a while, and wrong ones always do', async () => {
    const accounts = await openHtpasswd(fileOf(`tester:${SECRET}\n`));
    const compare = vi.spyOn(bcrypt, 'compare');
    await accounts.check('tester', 'secret');
    for (let at = 0; at < 5; at += 1) expect(await accounts.check('tester', 'secret')).toBe(true);
    expect(compare).toHaveBeenCalledTimes(1);
    expect(await accounts.check('tester', 'wrong')).toBe(false);
    expect(await accounts.check('tester', 'wrong')).toBe(false);
    expect(compare).toHaveBeenCalledTimes(3);
    time += 5 * 60 * 1000 + 1;
    expect(await accounts.check('tester', 'secret')).toBe(true);
    expect(compare).toHaveBeenCalledTimes(4);
  });

  test('are compared two at a time, however many ask', async () => {
    const accounts = await openHtpasswd(fileOf(`tester:${SECRET}\n`));
    const real = bcrypt.compare.bind(bcrypt);
    let [running, most] = [0, 0];
    const counted = async (password: string, hash: string): Promise<boolean> => {
      running += 1;
      most = Math.max(most, running);
      const isRight = await real(password, hash);
      running -= 1;
      return isRight;
    };
    const spy: { mockImplementation(work: typeof counted): unknown } = vi.spyOn(bcrypt, 'compare');
    spy.mockImplementation(counted);
    await Promise.all(Array.from({ length: 12 }, (_, at) => accounts.check('tester', `wrong ${at}`)));
    expect(most).toBe(2);
  });
});

describe('a file that changes', () => {
  test('counts from the next second on, for remembered passwords too', async () => {
    const path = fileOf(`tester:${SECRET}\n`);
    const accounts = await openHtpasswd(path);
    expect(await accounts.check('tester', 'secret')).toBe(true);
    change(path, `tester:${OTHER}\nnew:${SECRET}\n`);
    expect(await accounts.check('tester', 'secret')).toBe(true);
    time += 1001;
    expect(await accounts.check('tester', 'secret')).toBe(false);
    expect(await accounts.check('tester', 'other')).toBe(true);
    expect(await accounts.check('new', 'secret')).toBe(true);
  });

  test('lets nobody in while it cannot be read, however often they try', async () => {
    const path = fileOf(`tester:${SECRET}\n`);
    const accounts = await openHtpasswd(path);
    rmSync(path);
    time += 1001;
    for (let attempt = 0; attempt < 3; attempt += 1) {
      expect((await hubErrorFrom(() => accounts.check('tester', 'secret'))).code).toBe('CONFIG_INVALID');
    }
    change(path, `tester:${SECRET}\n# back\n`);
    expect(await accounts.check('tester', 'secret')).toBe(true);
  });
});
