import { expect, test } from 'vitest';
import { loadPool } from '../../src/http/undici.ts';

test('the pool of undici is where it is expected, and loaded once', async () => {
  const Pool = await loadPool();
  expect(Pool.name).toBe('Pool');
  expect(await loadPool()).toBe(Pool);
});
