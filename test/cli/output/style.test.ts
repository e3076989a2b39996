import { describe, expect, test } from 'vitest';
import { colorAllowed, loadStyle, plainStyle } from '../../../src/cli/output/style.ts';
import { FakeOutput } from '../../helpers/terminal.ts';

const TERMINAL = new FakeOutput({ tty: true });
const PIPE = new FakeOutput();

describe('colorAllowed', () => {
  test.each([
    ['a terminal', {}, TERMINAL, true],
    ['a pipe', {}, PIPE, false],
    ['a dumb terminal', { TERM: 'dumb' }, TERMINAL, false],
    ['NO_COLOR', { NO_COLOR: '1' }, TERMINAL, false],
    ['an empty NO_COLOR', { NO_COLOR: '' }, TERMINAL, true],
    ['FORCE_COLOR', { FORCE_COLOR: '1' }, PIPE, true],
    ['FORCE_COLOR=0', { FORCE_COLOR: '0' }, TERMINAL, false],
    ['both', { FORCE_COLOR: '1', NO_COLOR: '1' }, TERMINAL, false],
  ])('%s', (_name, env, stream, allowed) => {
    expect(colorAllowed(env, stream)).toBe(allowed);
  });
});

test('a style colours where that is allowed', async () => {
  const style = await loadStyle({}, TERMINAL);
  expect(style('good', 'Pushed')).toBe('\u001B[32mPushed\u001B[39m');
});

test('a style leaves text as it is elsewhere', async () => {
  expect(await loadStyle({}, PIPE)).toBe(plainStyle);
  expect(plainStyle('bad', 'text')).toBe('text');
});
