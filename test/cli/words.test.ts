import { expect, test } from 'vitest';
import { allWords, commandsIn, findCommand, isGroup } from '../../src/cli/words.ts';

test('a command answers to all its names', () => {
  for (const words of ['images', 'image ls', 'image list'])
    expect(findCommand(words)).toMatchObject({ words, name: 'images' });
  expect(findCommand('cp')?.name).toBe('copy');
  expect(findCommand('image rm')?.name).toBe('rmi');
});

test.each([
  'image pull',
  'image push',
  'image tag',
  'image save',
  'image load',
  'image import',
  'image inspect',
  'image history',
])('the long spelling "%s" is the same command', (words) => {
  expect(findCommand(words)?.name).toBe(words.slice('image '.length));
});

test.each(['', 'nope', 'constructor', '__proto__', 'image', 'auth'])('"%s" is no command', (words) => {
  expect(findCommand(words)).toBeUndefined();
});

test('groups are words before others', () => {
  expect(['image', 'auth', 'manifest', 'pull', 'imag'].map((word) => isGroup(word))).toEqual([
    true,
    true,
    true,
    false,
    false,
  ]);
  expect(commandsIn('auth').map(({ words }) => words)).toEqual(['auth ls', 'auth list', 'auth whoami']);
});

test('no word means two commands', () => {
  expect(new Set(allWords()).size).toBe(allWords().length);
});
