import { expect, test } from 'vitest';
import {
  applyChanges,
  changesBetween,
  recordOf,
  textOfKey,
  type ListKey,
} from '../../../src/endpoints/store/list-changes.ts';
import { AMD64, ARM64 } from '../../helpers/stores.ts';

const key = (index: string, platform = AMD64): ListKey => ({ index, facts: 'f', platform });
const [A, B, C] = [key('a'), key('b'), key('c')];
const texts = [A, B, C].map(textOfKey);
const gone = (name: string) => ({ gone: [name], come: [] });

test('changes are found that lead from one state to another, in order', () => {
  const file = recordOf(A, B, gone('x:1')) + recordOf(B, C, gone('y:1'));
  expect(changesBetween(file, texts[0]!, texts[2]!)).toEqual([gone('x:1'), gone('y:1')]);
  expect(changesBetween(file, texts[0]!, texts[1]!)).toEqual([gone('x:1')]);
  expect(changesBetween(file, texts[1]!, texts[0]!)).toBeUndefined();
  expect(changesBetween(file, texts[0]!, textOfKey(key('c', ARM64)))).toBeUndefined();
});

test('a change that was noted and never made leads nowhere and does no harm', () => {
  const file = recordOf(A, key('never'), gone('x:1')) + recordOf(A, B, gone('y:1'));
  expect(changesBetween(file, texts[0]!, texts[1]!)).toEqual([gone('y:1')]);
});

test('nothing counts from the first record on that is not whole', () => {
  const [first, second] = [recordOf(A, B, gone('x:1')), recordOf(B, C, gone('y:1'))];
  for (const file of [first + second.slice(0, -9), first + second.replace('y:1', 'z:1'), `${first}?${second}`]) {
    expect(changesBetween(file, texts[0]!, texts[1]!)).toEqual([gone('x:1')]);
    expect(changesBetween(file, texts[0]!, texts[2]!)).toBeUndefined();
  }
});

const line = (name: string, digest: string): string =>
  [name, 'id', '1', '0', '', '', 'type', digest, '9', '', '7', '{}'].join('\t');
const LINES = [line('x:1', 'sha256:aa'), line('', 'sha256:bb')];
const TEXT = `${LINES.join('\n')}\n`;
const entry = (digest: string): readonly string[] => ['', 'type', digest, '9', ''];

test('lines go by name or digest, and a new name takes over what is known of its content', () => {
  const changes = [
    { gone: ['sha256:bb'], come: [{ name: 'y:1', entry: entry('sha256:bb') }] },
    { gone: ['x:1'], come: [{ line: line('z:1', 'sha256:cc') }, { name: 'w:1', entry: entry('sha256:aa') }] },
    { gone: ['z:1'], come: [{ name: 'v:1', entry: entry('sha256:cc') }] },
  ];
  expect(applyChanges(changes, TEXT, LINES)).toEqual([
    line('y:1', 'sha256:bb'),
    line('w:1', 'sha256:aa'),
    line('v:1', 'sha256:cc'),
  ]);
});

test('a name for content that the list does not have cannot be told', () => {
  expect(applyChanges([{ gone: [], come: [{ name: 'y:1', entry: entry('sha256:dd') }] }], TEXT, LINES)).toBeUndefined();
});
