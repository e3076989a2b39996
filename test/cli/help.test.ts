import { describe, expect, test } from 'vitest';
import { defineCommand } from '../../src/cli/command.ts';
import { COMMANDS } from '../../src/cli/commands.ts';
import { commandHelp, groupHelp, helpFor, helpTopics, mainHelp } from '../../src/cli/help.ts';
import { displayWidth } from '../../src/cli/output/width.ts';
import { findCommand } from '../../src/cli/words.ts';
import { ERROR_CODES } from '../../src/errors.ts';
import { hubErrorFrom } from '../helpers/errors.ts';

function widest(text: string): number {
  return Math.max(...text.split('\n').map((line) => displayWidth(line)));
}

describe('main help', () => {
  test('is this', () => {
    expect(mainHelp()).toMatchSnapshot();
  });

  test('fits 80 columns and names every command', () => {
    expect(widest(mainHelp())).toBeLessThanOrEqual(80);
    for (const name of Object.keys(COMMANDS)) expect(mainHelp()).toContain(`\n  ${name} `);
  });
});

describe('help for a command', () => {
  const spec = defineCommand({
    name: 'pull',
    summary: 'Download images from a registry',
    details: `${'A long paragraph that has to be wrapped. '.repeat(4)}\nAnd another one.`,
    arguments: [{ name: 'NAME[:TAG|@DIGEST]', help: 'image to pull', many: true }],
    flags: {
      'all-tags': { kind: 'boolean', short: 'a', help: 'pull every tag of the repository' },
      'disable-content-trust': { kind: 'boolean', hidden: true, help: 'an old spelling' },
      'a-flag-with-a-name-too-long-for-its-column': {
        kind: 'string',
        value: 'VALUE',
        help: `wraps ${'as well '.repeat(12)}`,
      },
    },
    examples: [{ command: 'hubctl pull alpine', does: 'the newest alpine' }],
    run: async () => undefined,
  });
  const found = findCommand('image pull');
  const text = found ? commandHelp(found, spec) : '';

  test('is this', () => {
    expect(text).toMatchSnapshot();
  });

  test('fits 80 columns, hides old spellings, and names the words it was asked by', () => {
    expect(widest(text)).toBeLessThanOrEqual(80);
    expect(text).not.toContain('disable-content-trust');
    expect(text).toMatch(/^Usage: {2}hubctl image pull \[OPTIONS\] NAME/);
  });

  test('leaves out what a command does not have', () => {
    const bare = defineCommand({ ...spec, details: undefined, arguments: [], flags: {}, examples: [] });
    const words = findCommand('login');
    expect(words && commandHelp(words, bare)).toBe(
      "Usage:  hubctl login\n\nDownload images from a registry\n\nRun 'hubctl --help' for the options of every command.\n",
    );
  });
});

test('help for a group names each command once', () => {
  const text = groupHelp('image');
  expect(text.match(/^ {2}ls /gm)).toHaveLength(1);
  expect(text).not.toContain('  list ');
  expect(widest(text)).toBeLessThanOrEqual(80);
});

describe('topics', () => {
  test('errors names every code with its exit status', async () => {
    const text = await helpFor(['errors']);
    for (const [code, { exit }] of Object.entries(ERROR_CODES))
      expect(text).toMatch(new RegExp(`^${exit} +${code} `, 'm'));
    expect(text).toMatch(/^70 /m);
  });

  test.each(helpTopics())('%s fits 80 columns', async (topic) => {
    const text = await helpFor([topic]);
    expect(widest(text)).toBeLessThanOrEqual(80);
    expect(text).toMatchSnapshot();
  });
});

describe('help for words', () => {
  test('that are none is the main help', async () => {
    expect(await helpFor([])).toBe(mainHelp());
  });

  test('of a group is its help', async () => {
    expect(await helpFor(['image'])).toBe(groupHelp('image'));
  });

  test('of a command is its help', async () => {
    expect(await helpFor(['version'])).toMatch(/^Usage: {2}hubctl version\n/);
  });

  test.each([
    ['pul', "did you mean 'hubctl help pull'?"],
    ['enviroment', "did you mean 'hubctl help environment'?"],
    ['constructor', undefined],
  ])('%s is a mistake', async (word, hint) => {
    const error = await hubErrorFrom(() => helpFor([word]));
    expect([error.code, error.hint]).toEqual(['USAGE', hint]);
  });
});
