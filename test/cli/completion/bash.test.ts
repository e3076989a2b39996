import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bashScript } from '../../../src/cli/completion/bash.ts';
import { MODEL } from '../../helpers/completion-model.ts';
import { hasShell, output, withScript } from '../../helpers/shells.ts';

/** What bash offers for the last of the words. */
function offered(words: readonly string[]): Promise<readonly string[]> {
  return withScript(bashScript(MODEL), async (path) => {
    const commands = [
      `cd '${join(path, '..')}'`,
      `source '${path}'`,
      `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')})`,
      `COMP_CWORD=${words.length - 1}`,
      '_hubctl',
      'printf "%s\\n" "${COMPREPLY[@]}"',
    ];
    const lines = (await output('bash', ['-c', commands.join('\n')])).split('\n');
    return lines.filter((line) => line !== '').toSorted();
  });
}

test('the script registers its function', () => {
  expect(bashScript(MODEL)).toMatch(/\ncomplete -F _hubctl hubctl\n$/);
});

describe.runIf(await hasShell('bash'))('bash', () => {
  test('reads the script without complaint', async () => {
    await withScript(bashScript(MODEL), (path) => output('bash', ['-n', path]));
  });

  test.each([
    [
      ['hubctl', 'pu'],
      ['pull', 'push'],
    ],
    [
      ['hubctl', 'image', ''],
      ['ls', 'pull'],
    ],
    [
      ['hubctl', '--store', 'pull', 'pu'],
      ['pull', 'push'],
    ],
    [['hubctl', '-D', 'pull', '--all'], ['--all-tags']],
    [['hubctl', 'image', 'pull', '--all'], ['--all-tags']],
    [['hubctl', 'manifest', '--r'], ['--raw']],
    [['hubctl', 'manifest', 'i'], ['inspect']],
    [['hubctl', 'manifest', 'inspect', '--r'], ['--raw']],
    [['hubctl', 'pull', '--progress', 'p'], ['plain']],
    [
      ['hubctl', '--progress', ''],
      ['auto', 'plain'],
    ],
    [['hubctl', 'completion', 'z'], ['zsh']],
    [['hubctl', '--vers'], ['--version']],
    [['hubctl', 'pull', '--vers'], []],
    [['hubctl', 'pull', ''], []],
    [['hubctl', 'pull', '--platform', 's'], []],
    [['hubctl', 'pull', '-o', 's'], ['script']],
    [['hubctl', 'load', 's'], ['script']],
    [['hubctl', '--store', 's'], ['script']],
  ])('offers for %j: %j', async (words, offers) => {
    expect(await offered(words)).toEqual(offers);
  });
});
