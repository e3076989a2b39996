import { describe, expect, it } from 'vitest';
import { MemoryEndpoint } from '../../src/endpoints/memory.ts';
import { runConformance } from './conformance.ts';

runConformance(
  'memory',
  async () => ({
    endpoint: new MemoryEndpoint(),
    names: ['app:1', 'app:2', 'app:none'],
    cleanUp: async () => undefined,
  }),
  { sparse: true },
);

describe('content that is built in memory', () => {
  it('gets its digest, and a name if one is given', async () => {
    const endpoint = new MemoryEndpoint();
    const bytes = Buffer.from('hello');
    const descriptor = endpoint.add(bytes, 'text/plain', 'greeting');
    bytes.fill(0);
    expect(descriptor.digest).toBe('sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824');
    expect(await endpoint.resolve('greeting')).toEqual(descriptor);
    expect(await endpoint.resolve(descriptor.digest)).toEqual(descriptor);
  });

  it('lists its names', async () => {
    const endpoint = new MemoryEndpoint();
    endpoint.add('a', 'text/plain', 'first');
    endpoint.add('b', 'text/plain', 'second');
    const names: string[] = [];
    for await (const name of endpoint.tags()) names.push(name);
    expect(names).toEqual(['first', 'second']);
  });

  it('is gone after it was removed or replaced by force', async () => {
    const endpoint = new MemoryEndpoint();
    const descriptor = endpoint.add('a', 'text/plain');
    endpoint.remove(descriptor.digest);
    expect(await endpoint.has(descriptor)).toBe(false);
    await expect(endpoint.read(descriptor)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
