import { describe, expect, test } from 'vitest';
import { HubError } from '../../src/errors.ts';
import { ask, askSecret, confirm } from '../../src/cli/prompt.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { fakeIo, type FakeIo } from '../helpers/terminal.ts';

function typing(...chunks: readonly (string | Buffer)[]): FakeIo {
  const io = fakeIo({ tty: true });
  for (const chunk of chunks) io.stdin.write(chunk);
  return io;
}

describe('ask', () => {
  test('gives the line without blanks around it', async () => {
    const io = typing('  alice \n');
    expect(await ask(io, 'Username')).toBe('alice');
    expect(io.stderr.text).toBe('Username: ');
    expect(io.stdout.text).toBe('');
  });

  test('shows the default, and takes it for an empty line', async () => {
    const io = typing('\n');
    expect(await ask(io, 'Username', { default: 'bob' })).toBe('bob');
    expect(io.stderr.text).toBe('Username (bob): ');
  });

  test('puts a line together from what arrives in parts', async () => {
    const bytes = Buffer.from('grüße\n');
    expect(await ask(typing(bytes.subarray(0, 3), bytes.subarray(3)), 'Name')).toBe('grüße');
  });

  test('leaves what was pasted after the line for the next question', async () => {
    const io = typing('alice\nsecret\ny\n');
    expect(await ask(io, 'Username')).toBe('alice');
    expect(await askSecret(io, 'Password')).toBe('secret');
    expect(await confirm(io, 'Sure?')).toBe(true);
  });

  test('shows the question safely', async () => {
    const io = typing('x\n');
    await ask(io, 'a\u001B[2J', { default: '\u202E' });
    expect(io.stderr.text).toBe('a\\u{1b}[2J (\\u{202e}): ');
  });

  test('ends with the input', async () => {
    const io = typing('no line end');
    io.stdin.end();
    const error = await hubErrorFrom(() => ask(io, 'Name'));
    expect(error).toMatchObject({ code: 'USAGE', message: 'the input ended before the answer' });
    expect(io.stderr.text).toBe('Name: \n');
    expect((await hubErrorFrom(() => ask(io, 'Again'))).code).toBe('USAGE');
  });
});

describe('askSecret', () => {
  test('turns echo off while it reads, and on again', async () => {
    const io = typing('hunter2\r');
    expect(await askSecret(io, 'Password')).toBe('hunter2');
    expect(io.stdin.rawModes).toEqual([true, false]);
    expect(io.stderr.text).toBe('Password: \n');
  });

  test.each([
    ['backspace', 'abx\u007Fc\r', 'abc'],
    ['backspace on nothing', '\u007F\ba\r', 'a'],
    ['backspace on a character of two units', 'a🐳\u007Fb\r', 'ab'],
    ['Ctrl-U', 'wrong\u0015right\r', 'right'],
    ['cursor keys', 'a\u001B[D\u001B[3~\u001BOAb\r', 'ab'],
    ['other control keys', 'a\u0001\u001A\tb\r', 'ab'],
    ['a bracketed paste', '\u001B[200~pasted\u001B[201~\r', 'pasted'],
    ['blanks around it', ' a b \r', ' a b '],
    ['Ctrl-D after text', 'abc\u0004', 'abc'],
    ['a line feed', 'abc\n', 'abc'],
    ['nothing', '\r', ''],
  ])('understands %s', async (_name, keys, secret) => {
    expect(await askSecret(typing(keys), 'Password')).toBe(secret);
  });

  test('takes return and line feed of a paste for one line end', async () => {
    const io = typing('secret\r\nnext\r\n');
    expect(await askSecret(io, 'Password')).toBe('secret');
    expect(await askSecret(io, 'Again')).toBe('next');
  });

  test('takes an empty line after a line for an answer of its own', async () => {
    const io = typing('alice\n\n');
    expect(await ask(io, 'Username')).toBe('alice');
    expect(await askSecret(io, 'Password')).toBe('');
  });

  test('stops at Ctrl-C with status 130, with echo on again', async () => {
    const io = typing('abc\u0003');
    const error = await hubErrorFrom(() => askSecret(io, 'Password'));
    expect([error.code, error.exitCode]).toEqual(['ABORTED', 130]);
    expect(io.stdin.rawModes).toEqual([true, false]);
  });

  test('stops at Ctrl-D on an empty line, with echo on again', async () => {
    const io = typing('\u0004');
    expect((await hubErrorFrom(() => askSecret(io, 'Password'))).code).toBe('USAGE');
    expect(io.stdin.rawModes).toEqual([true, false]);
  });

  test('stops when everything is interrupted', async () => {
    const controller = new AbortController();
    const io = { ...fakeIo({ tty: true }), signal: controller.signal };
    const asked = hubErrorFrom(() => askSecret(io, 'Password'));
    controller.abort(new HubError('ABORTED', 'interrupted by SIGTERM', { details: { signal: 'SIGTERM' } }));
    expect((await asked).exitCode).toBe(143);
    expect(io.stdin.rawModes).toEqual([true, false]);
    expect((await hubErrorFrom(() => ask(io, 'Name'))).exitCode).toBe(143);
  });
});

describe('confirm', () => {
  test.each([
    ['y\n', true],
    ['YES\r\n', true],
    ['n\n', false],
    ['\n', false],
    ['yep\n', false],
  ])('%j is %s', async (keys, answer) => {
    const io = typing(keys);
    expect(await confirm(io, 'Remove all?')).toBe(answer);
    expect(io.stderr.text).toBe('Remove all? [y/N] ');
  });
});

test.each([
  ['ask', ask],
  ['askSecret', askSecret],
  ['confirm', confirm],
])('%s needs a terminal', async (_name, question) => {
  const io = fakeIo();
  const error = await hubErrorFrom(() => question(io, 'Password', { hint: 'use --password-stdin' }));
  expect(error).toMatchObject({ code: 'USAGE', hint: 'use --password-stdin' });
  expect(error.message).toBe('cannot ask "Password": the input is not a terminal');
  expect(io.stderr.text).toBe('');
});
