import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { htpasswdLine, openHtpasswd, parseHtpasswd } from '../../src/server/htpasswd.ts';

describe('a line of an htpasswd file', () => {
  test('lets its account in with its password, and with no other', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'hubctl-htpasswd-'));
    try {
      await writeFile(join(dir, 'htpasswd'), `${await htpasswdLine('ada', 'pass wörd')}\n`);
      const accounts = await openHtpasswd(join(dir, 'htpasswd'));
      expect(await accounts.check('ada', 'pass wörd')).toBe(true);
      expect(await accounts.check('ada', 'pass word')).toBe(false);
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  test('is another one each time, so that equal passwords are not seen', async () => {
    const lines = await Promise.all([htpasswdLine('ada', 'secret'), htpasswdLine('bob', 'secret')]);
    const [ada, bob] = parseHtpasswd(lines.join('\n'), 'x').values();
    expect(ada).not.toBe(bob);
  });

  test.each([
    ['an empty name', '', 'secret'],
    ['a name with a colon', 'a:b', 'secret'],
    ['a name with a line feed', 'a\nb', 'secret'],
    ['a name that would be a comment', '#a', 'secret'],
    ['an empty password', 'ada', ''],
    ['a password whose end bcrypt would not look at', 'ada', 'ö'.repeat(37)],
  ])('is refused to %s', async (_, username, password) => {
    await expect(htpasswdLine(username, password)).rejects.toMatchObject({ code: 'USAGE' });
  });
});
