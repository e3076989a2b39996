import { describe, expect, test } from 'vitest';
import { fixedAnswers } from '../../src/cli/answers.ts';
import { allWords } from '../../src/cli/words.ts';
import { runCli } from '../helpers/cli.ts';

const answers = await fixedAnswers();

describe('an answer that is written down is what the program says', () => {
  test.each([
    ['version', ['--version']],
    ['help', []],
    ['help', ['--help']],
    ['help.image', ['image', '--help']],
    ['help.image.ls', ['image', 'ls', '--help']],
    ['help.pull', ['help', 'pull']],
    ['help.help', ['help', '--help']],
    ['completion.zsh', ['completion', 'zsh']],
    ['completion.powershell', ['completion', 'powershell']],
  ])('%s', async (name, argv) => {
    expect(await runCli(argv)).toMatchObject({ status: 0, stdout: answers.get(name), stderr: '' });
  });
});

test('every command has its help under each of its names', () => {
  const missing = allWords().filter((words) => !answers.has(`help.${words.replace(' ', '.')}`));
  expect(missing).toEqual([]);
});

test('names are words and dots, and so good names for files', () => {
  expect([...answers.keys()].filter((name) => !/^[a-z]+(?:[.-][a-z]+)*$/.test(name))).toEqual([]);
});
