import { describe, expect, test } from 'vitest';
import { parseOldConfig } from '../../src/credentials/dockercfg.ts';
import { HUB, base64 } from '../helpers/credentials.ts';
import { hubErrorFrom } from '../helpers/errors.ts';

const AUTH = base64('alice:secret');

describe('a file of docker 0.5.0', () => {
  test('is two lines that mean Docker Hub, and becomes JSON for the next write', () => {
    const { auths, text } = parseOldConfig(`auth = ${AUTH}\nemail = alice@example.com\n`, '~/.dockercfg');
    expect(auths).toEqual({ [HUB]: { auth: AUTH, email: 'alice@example.com' } });
    expect(text).toBe(`{\n\t"${HUB}": {\n\t\t"auth": "${AUTH}",\n\t\t"email": "alice@example.com"\n\t}\n}`);
  });

  test('may have an empty mail address, and carriage returns', () => {
    expect(parseOldConfig(`auth = ${AUTH}\r\nemail = \r\n`, 'f').auths).toEqual({ [HUB]: { auth: AUTH } });
  });

  test.each([
    ['one line', `auth = ${AUTH}`],
    ['lines without " = "', 'auth\nemail'],
    ['a line with two " = "', `auth = ${AUTH} = x\nemail = y`],
  ])('with %s is refused without quoting it', async (_name, text) => {
    const error = await hubErrorFrom(() => parseOldConfig(text, '~/.dockercfg'));
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message).toContain('~/.dockercfg');
    expect(error.message).not.toContain(AUTH);
  });
});

describe('a file of docker 0.5.1 to 1.6', () => {
  test('is the map itself, its text kept', () => {
    const text = `{"${HUB}":{"auth":"${AUTH}","email":"a@b.c"},"localhost:5000":{"auth":"${AUTH}","email":""}}`;
    const read = parseOldConfig(text, 'f');
    expect(Object.keys(read.auths)).toEqual([HUB, 'localhost:5000']);
    expect(read.text).toBe(text);
  });

  test('that is broken is refused by name', async () => {
    const error = await hubErrorFrom(() => parseOldConfig('{"a": }', '~/.dockercfg'));
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message).toContain('~/.dockercfg is not valid JSON');
  });
});

test('an empty file is no credentials', () => expect(parseOldConfig(' \n', 'f')).toEqual({ text: '', auths: {} }));
