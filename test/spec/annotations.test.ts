import { expect, test } from 'vitest';
import {
  ATTESTATION,
  DESCRIPTION,
  IMAGE_NAME,
  REFERENCE_DIGEST,
  REFERENCE_TYPE,
  REF_NAME,
} from '../../src/spec/annotations.ts';

test('no two names stand for the same key', () => {
  const keys = [ATTESTATION, DESCRIPTION, IMAGE_NAME, REFERENCE_DIGEST, REFERENCE_TYPE, REF_NAME];
  expect(new Set(keys).size).toBe(keys.length);
});

test('the keys of the OCI specification have its prefix', () => {
  for (const key of [REF_NAME, DESCRIPTION]) expect(key).toMatch(/^org\.opencontainers\.image\.[a-z.]+$/);
});
