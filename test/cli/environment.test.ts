import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ENVIRONMENT } from '../../src/cli/environment.ts';
import { ROOT, filesBelow } from '../helpers/source.ts';

/** Variables of the system that nobody sets for hubctl, and one that bin/ may pass on in place of another. */
const UNTOLD = ['PATH', 'Path', 'PROGRAMDATA', 'HUBCTL_CA'];

const NAMES = ENVIRONMENT.flatMap(([name]) => name.split(', '));

test('every variable is named once, with what it means', () => {
  expect(new Set(NAMES).size).toBe(NAMES.length);
  for (const name of NAMES) expect(name).toMatch(/^[A-Z][A-Z0-9_]+$/);
  for (const [, meaning] of ENVIRONMENT) expect(meaning).not.toMatch(/\.$/);
});

test('every variable that the code reads is told', async () => {
  const files = (await filesBelow('src')).filter((file) => file.endsWith('.ts'));
  const texts = await Promise.all(files.map((file) => readFile(join(ROOT, 'src', file), 'utf8')));
  const read = texts.flatMap((text) => [...text.matchAll(/\benv\['(\w+)'\]|\b(HUBCTL_[A-Z_]+)\b/g)]);
  const names = new Set(read.map(([, inBrackets, own]) => inBrackets ?? own ?? ''));
  expect([...names].filter((name) => !NAMES.includes(name) && !UNTOLD.includes(name))).toEqual([]);
});
