import { describe, expect, test } from 'vitest';
import { ERROR_CODES, HubError, type ErrorCode } from '../../src/errors.ts';
import { report } from '../../src/cli/report.ts';
import { fakeIo } from '../helpers/terminal.ts';

interface Told {
  readonly status: number;
  readonly text: string;
}

function tell(error: unknown, options: { debug?: boolean; json?: boolean; signal?: AbortSignal } = {}): Told {
  const io = fakeIo(options.signal ? { signal: options.signal } : {});
  const status = report(error, io, { debug: options.debug ?? false, json: options.json ?? false });
  expect(io.stdout.text).toBe('');
  return { status, text: io.stderr.text };
}

describe('lines', () => {
  test('are the message and the hint', () => {
    const error = new HubError('NOT_FOUND', 'alpine:9 does not exist', {
      hint: 'hubctl tags alpine',
      details: { a: 1 },
    });
    expect(tell(error)).toEqual({ status: 3, text: 'hubctl: alpine:9 does not exist\n  hint: hubctl tags alpine\n' });
  });

  test('never hold a control character from outside', () => {
    const error = new HubError('DENIED', 'the registry says\u001B[2J\nPassword:', { hint: 'x\u009B\u202E' });
    expect(tell(error).text).toBe('hubctl: the registry says\\u{1b}[2J\\nPassword:\n  hint: x\\u{9b}\\u{202e}\n');
  });

  test('name everything that failed', () => {
    const errors = [new HubError('NOT_FOUND', 'a is missing'), new HubError('DENIED', 'b is not yours')];
    const error = new HubError('PARTIAL', '2 of 3 failed', { cause: new AggregateError(errors) });
    expect(tell(error).text).toBe('hubctl: 2 of 3 failed\n  a is missing (NOT_FOUND)\n  b is not yours (DENIED)\n');
  });

  test('show causes and stack with --debug only', () => {
    const cause = new HubError('UNREACHABLE', 'no route', { cause: new Error('EHOSTUNREACH') });
    const error = new HubError('SERVER_ERROR', 'it failed', { cause, details: { host: 'r.example' } });
    expect(tell(error).text).not.toContain('code');
    const lines = tell(error, { debug: true }).text.split('\n');
    expect(lines.filter((line) => !line.startsWith('  hint: ')).slice(0, 5)).toEqual([
      'hubctl: it failed',
      '  code: SERVER_ERROR',
      '  details: {"host":"r.example"}',
      '  caused by: no route (UNREACHABLE)',
      '  caused by: Error: EHOSTUNREACH',
    ]);
    expect(lines[6]).toMatch(/^ {6}at /);
  });

  test('have the next step that helps against most errors of a code, where the error knows none', () => {
    expect(tell(new HubError('RATE_LIMITED', 'slow down')).text).toMatch(/\n  hint: wait a while/);
    expect(tell(new HubError('FAILED', 'it failed')).text).toBe('hubctl: it failed\n');
  });

  test('end with causes that go in a circle', () => {
    const error = new HubError('FAILED', 'round');
    Object.defineProperty(error, 'cause', { value: error });
    expect(tell(error, { debug: true }).text.match(/caused by/g)).toHaveLength(10);
  });
});

test.each(Object.entries(ERROR_CODES))('%s ends with its exit status', (code, { exit }) => {
  expect(tell(new HubError(code as ErrorCode, 'x')).status).toBe(exit);
});

describe('a bug', () => {
  test('says so, with the place to report it', () => {
    const { status, text } = tell(new TypeError('x is not a function'));
    expect(status).toBe(70);
    expect(text).toContain('hubctl: internal error: x is not a function\n  hint: this is a bug in hubctl;');
    expect(text).toContain('https://github.com/hubctl/hubctl/issues');
    expect(text.split('\n')).toHaveLength(3);
  });

  test('shows its stack with --debug', () => {
    expect(tell(new TypeError('x'), { debug: true }).text).toContain('report.test.ts');
  });

  test('may be anything that was thrown', () => {
    expect(tell('text').text).toContain('internal error: text');
    expect(tell(undefined).status).toBe(70);
  });
});

describe('an interruption', () => {
  const reason = (signal: string): HubError =>
    new HubError('ABORTED', `interrupted by ${signal}; partial downloads are kept`, { details: { signal } });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ])('by %s hides the errors it caused', (signal, status) => {
    const aborted = AbortSignal.abort(reason(signal));
    const told = tell(new TypeError('terminated'), { signal: aborted });
    expect(told).toEqual({ status, text: `hubctl: interrupted by ${signal}; partial downloads are kept\n` });
  });

  test('by a reader that went away is not told at all', () => {
    expect(tell(new Error('x'), { signal: AbortSignal.abort(reason('SIGPIPE')) }).text).toBe('');
  });

  test('of another signal is found in the error of the timer that threw', () => {
    const error = new Error('The operation was aborted', { cause: new HubError('TIMEOUT', 'took longer than 5s') });
    error.name = 'AbortError';
    expect(tell(error)).toEqual({ status: 6, text: expect.stringMatching(/^hubctl: took longer than 5s\n/) as string });
  });
});

describe('JSON', () => {
  test('is one object on one line', () => {
    const error = new HubError('RATE_LIMITED', 'slow\ndown', { hint: 'log in', details: { remaining: 0 } });
    const { text } = tell(error, { json: true, debug: true });
    expect(text.split('\n')).toHaveLength(2);
    expect(JSON.parse(text)).toEqual({
      error: { code: 'RATE_LIMITED', message: 'slow\ndown', hint: 'log in', details: { remaining: 0 }, exit: 5 },
    });
  });

  test('names a bug as one', () => {
    expect(JSON.parse(tell(new Error('x'), { json: true }).text)).toMatchObject({ error: { code: 'BUG', exit: 70 } });
  });
});
