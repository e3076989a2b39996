import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { pinnedRealms } from '../../src/auth/pinned-realms.ts';
import { folder } from '../helpers/folder.ts';

test('a token service that was accepted is known in later runs', async () => {
  const path = join(folder(), 'hubctl', 'realms.json');
  await pinnedRealms(path).pin('reg.example', 'https://auth.example');
  await pinnedRealms(path).pin('other.example', 'https://token.example');
  expect(await pinnedRealms(path).get('reg.example')).toBe('https://auth.example');
  expect(await pinnedRealms(path).get('new.example')).toBeUndefined();
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('the one accepted last counts', async () => {
  const path = join(folder(), 'realms.json');
  await pinnedRealms(path).pin('reg.example', 'https://old.example');
  await pinnedRealms(path).pin('reg.example', 'https://new.example');
  expect(await pinnedRealms(path).get('reg.example')).toBe('https://new.example');
});

test('a file that is damaged, or that others may write, holds nothing', async () => {
  const path = join(folder(), 'realms.json');
  for (const text of [
    '',
    '{',
    '[]',
    '{"version":2,"realms":{"reg.example":"https://x.example"}}',
    '{"version":1,"realms":{"reg.example":7}}',
  ]) {
    writeFileSync(path, text, { mode: 0o600 });
    expect(await pinnedRealms(path).get('reg.example')).toBeUndefined();
  }
  await pinnedRealms(path).pin('reg.example', 'https://auth.example');
  expect(readFileSync(path, 'utf8')).toContain('https://auth.example');
  chmodSync(path, 0o666);
  expect(await pinnedRealms(path).get('reg.example')).toBeUndefined();
});
