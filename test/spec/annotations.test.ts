import { expect, test } from 'vitest';
import * as annotations from '../../src/spec/annotations.ts';

test('no two names stand for the same key', () => {
  const keys = Object.values(annotations);
  expect(new Set(keys).size).toBe(keys.length);
});

test('the keys of the OCI specification have its prefix', () => {
  const { REF_NAME, BASE_NAME, BASE_DIGEST, CREATED, TITLE } = annotations;
  for (const key of [REF_NAME, BASE_NAME, BASE_DIGEST, CREATED, TITLE]) {
    expect(key).toMatch(/^org\.opencontainers\.image\.[a-z.]+$/);
  }
});
