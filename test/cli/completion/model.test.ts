import { expect, test } from 'vitest';
import {
  allFlags,
  firstWords,
  groups,
  secondWords,
  spellings,
  type CompletionModel,
} from '../../../src/cli/completion/model.ts';

const FLAG = { name: 'all', short: 'a', help: '', takesValue: false, choices: [], takesFile: false };
const COMMAND = { flags: [FLAG], takesFile: false, values: [] };
const MODEL: CompletionModel = {
  commands: [
    { ...COMMAND, words: 'pull', summary: 'Pull' },
    { ...COMMAND, words: 'image pull', summary: 'Pull' },
    { ...COMMAND, words: 'image ls', summary: 'List' },
    { ...COMMAND, words: 'manifest', summary: 'Manifest' },
    { ...COMMAND, words: 'manifest inspect', summary: 'Manifest' },
  ],
  flags: [{ ...FLAG, name: 'json', short: undefined }],
  rootFlags: [],
};

test('first words are commands and groups, each once', () => {
  expect([...firstWords(MODEL)]).toEqual([
    ['pull', 'Pull'],
    ['image', 'Commands about image'],
    ['manifest', 'Manifest'],
  ]);
});

test('groups have second words', () => {
  expect(groups(MODEL)).toEqual(['image', 'manifest']);
  expect([...secondWords(MODEL, 'image').keys()]).toEqual(['pull', 'ls']);
});

test('a flag is spelled short and long', () => {
  expect(allFlags(MODEL).slice(0, 2).map(spellings)).toEqual([['--json'], ['-a', '--all']]);
});
