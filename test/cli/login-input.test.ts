import { describe, expect, test } from 'vitest';
import { checkAccountFlags, isUnspecified, readAccount, type AccountFlags } from '../../src/cli/login-input.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { fakeIo } from '../helpers/terminal.ts';

const NONE: AccountFlags = { username: undefined, password: undefined, passwordStdin: false };

async function read(flags: Partial<AccountFlags>, options: { stdin?: string; tty?: boolean; usual?: string } = {}) {
  const io = fakeIo({ tty: options.tty ?? false });
  io.stdin.end(options.stdin ?? '');
  return { account: await readAccount(io, { ...NONE, ...flags }, options.usual), io };
}

describe('flags that contradict each other', () => {
  test.each([
    [
      { username: 'a', password: 'b', passwordStdin: true },
      'conflicting options: cannot specify both --password and --password-stdin',
    ],
    [{ passwordStdin: true }, 'the --password-stdin option requires --username to be set'],
    [{ username: '', passwordStdin: true }, 'the --password-stdin option requires --username to be set'],
    [{ password: '-' }, '--password - reads standard input and requires --username to be set'],
    [{ username: '' }, 'username is empty'],
    [{ username: 'a', password: '' }, 'password is empty'],
    [{ username: 'a', password: ' ' }, 'password is empty'],
  ])('%j: %s', async (flags, message) => {
    const error = await hubErrorFrom(() => checkAccountFlags({ ...NONE, ...flags }));
    expect([error.code, error.message]).toEqual(['USAGE', message]);
  });
});

describe('the password on standard input', () => {
  test.each([
    ['secret\n', 'secret'],
    ['secret\r\n', 'secret'],
    ['secret\r', 'secret'],
    ['secret', 'secret'],
    ['secret\n\n', 'secret\n'],
    [' se cret ', ' se cret '],
    ['two\nlines\n', 'two\nlines'],
  ])('%j is %j: one line end is taken off', async (stdin, password) => {
    expect((await read({ username: 'a', passwordStdin: true }, { stdin })).account.password).toBe(password);
    expect((await read({ username: 'a', password: '-' }, { stdin })).account.password).toBe(password);
  });

  test.each(['', '\n', ' \n'])('%j is empty', async (stdin) => {
    expect((await hubErrorFrom(() => read({ username: 'a', passwordStdin: true }, { stdin }))).message).toBe(
      'password is empty',
    );
  });
});

describe('at a terminal', () => {
  test('both are asked for, the password without echo', async () => {
    const { account, io } = await read({}, { tty: true, stdin: 'alice\nsecret\n' });
    expect(account).toEqual({ username: 'alice', password: 'secret' });
    expect(io.stdin.rawModes).toEqual([true, false]);
    expect(io.stderr.text).toBe('Username: Password: \n');
    expect(io.stdout.text).toBe('');
  });

  test('the last user name is offered', async () => {
    const { account, io } = await read({}, { tty: true, stdin: '\nsecret\n', usual: 'bob' });
    expect(account.username).toBe('bob');
    expect(io.stderr.text).toContain('Username (bob): ');
  });

  test('what is given is not asked for', async () => {
    const { account, io } = await read({ username: 'alice' }, { tty: true, stdin: 'secret\n' });
    expect([account.password, io.stderr.text]).toEqual(['secret', 'Password: \n']);
  });

  test('an empty answer is none', async () => {
    const noName = await hubErrorFrom(() => read({}, { tty: true, stdin: '\n' }));
    const noPassword = await hubErrorFrom(() => read({ username: 'alice' }, { tty: true, stdin: '\n' }));
    expect([noName.message, noPassword.message]).toEqual(['username is empty', 'password is empty']);
  });
});

test('without a terminal the way around is named', async () => {
  const error = await hubErrorFrom(() => read({ username: 'alice' }));
  expect([error.code, error.message]).toEqual(['USAGE', 'cannot perform an interactive login from a non-TTY device']);
  expect(error.hint).toContain('--password-stdin');
});

test('nothing given means: try what is stored', () => {
  expect(isUnspecified(NONE)).toBe(true);
  expect(
    [{ username: 'a' }, { password: 'a' }, { passwordStdin: true }].some((flags) =>
      isUnspecified({ ...NONE, ...flags }),
    ),
  ).toBe(false);
});
