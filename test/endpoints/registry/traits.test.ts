import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { traitsInFile, traitsInMemory } from '../../../src/endpoints/registry/traits.ts';
import { folder } from '../../helpers/folder.ts';

const REGISTRY = 'reg.example';

async function learnt(path: string, registry: string, traits: Parameters<ReturnType<typeof traitsInFile>['learn']>[1]) {
  const memory = traitsInFile(path);
  memory.learn(registry, traits);
  await memory.save?.();
}

test('in memory, what is learnt adds to what is known', async () => {
  const memory = traitsInMemory();
  expect(await memory.get(REGISTRY)).toEqual({});
  memory.learn(REGISTRY, { selfMount: true });
  memory.learn(REGISTRY, { chunk: 5 });
  expect(await memory.get(REGISTRY)).toEqual({ selfMount: true, chunk: 5 });
});

describe('in a file, what a registry can do', () => {
  const mebibyte = 1024 * 1024;

  test('is known to the next run', async () => {
    const path = join(folder(), 'hubctl', 'registries.json');
    await learnt(path, REGISTRY, { selfMount: false });
    await learnt(path, REGISTRY, { chunk: 4 * mebibyte });
    expect(await traitsInFile(path).get(REGISTRY)).toEqual({ selfMount: false, chunk: 4 * mebibyte });
    expect(await traitsInFile(path).get('other.example')).toEqual({});
  });

  test('can be forgotten', async () => {
    const path = join(folder(), 'hubctl', 'registries.json');
    await learnt(path, REGISTRY, { selfMount: true, strictAt: 'https://reg.example' });
    expect(await traitsInFile(path).get(REGISTRY)).toEqual({ selfMount: true, strictAt: 'https://reg.example' });
    await learnt(path, REGISTRY, { strictAt: undefined });
    expect(await traitsInFile(path).get(REGISTRY)).toEqual({ selfMount: true });
  });

  test('is known at once in the run that learns it', async () => {
    const memory = traitsInFile(join(folder(), 'hubctl', 'registries.json'));
    memory.learn(REGISTRY, { selfMount: true });
    expect(await memory.get(REGISTRY)).toEqual({ selfMount: true });
  });

  test.each(['', '{', '{"version":2,"registries":{}}', '{"version":1,"registries":{"reg.example":[1]}}'])(
    'is not known from %j',
    async (text) => {
      const path = join(folder(), 'registries.json');
      writeFileSync(path, text, { mode: 0o600 });
      expect(await traitsInFile(path).get(REGISTRY)).toEqual({});
    },
  );

  test.each([
    { strictAt: true },
    { selfMount: 'yes' },
    { chunk: 0 },
    { chunk: 17 },
    { chunk: 1.5e7 + 0.5 },
    { chunk: '64' },
  ])('is not %j', async (traits) => {
    const path = join(folder(), 'registries.json');
    const text = JSON.stringify({ version: 1, registries: { [REGISTRY]: traits } });
    writeFileSync(path, text, { mode: 0o600 });
    expect(await traitsInFile(path).get(REGISTRY)).toEqual({});
  });

  test('is kept for the 200 registries seen last', async () => {
    const path = join(folder(), 'registries.json');
    await learnt(path, 'first', { selfMount: true });
    await learnt(path, 'again', { selfMount: true });
    const memory = traitsInFile(path);
    for (let index = 0; index < 199; index += 1) memory.learn(`r${index}`, { selfMount: true });
    memory.learn('again', { selfMount: false });
    await memory.save?.();
    const { registries } = JSON.parse(readFileSync(path, 'utf8')) as { registries: object };
    expect(Object.keys(registries)).toHaveLength(200);
    expect(registries).not.toHaveProperty('first');
    expect(await traitsInFile(path).get('again')).toEqual({ selfMount: false });
  });
});
