import { describe, expect, test } from 'vitest';
import { HubError } from '../../../src/errors.ts';
import type { RepositoryAccess } from '../../../src/endpoints/registry/access.ts';
import {
  forgetStrict,
  isRefusal,
  isStrict,
  lostManifest,
  namesVersion,
  noteStrict,
} from '../../../src/endpoints/registry/strict.ts';
import { traitsInMemory } from '../../../src/endpoints/registry/traits.ts';
import { Session } from '../../../src/endpoints/registry/upload-session.ts';
import { headersOf } from '../../../src/http/headers.ts';
import type { HttpResponse } from '../../../src/http/layer.ts';
import { contentOf } from '../../../src/util/content.ts';

const ORIGIN = 'https://reg.example';
const VERSION = { 'docker-distribution-api-version': 'registry/2.0' };

function accessAt(origin: string): RepositoryAccess {
  return {
    name: 'reg.example/app',
    registry: 'reg.example',
    repository: 'app',
    send: () => Promise.reject(new Error('nothing is to be asked')),
    url: async (path) => new URL(`/v2/app/${path}`, origin),
    warn: () => undefined,
    sleep: async () => undefined,
    traits: traitsInMemory(),
  };
}

function answer(headers: Readonly<Record<string, string>>): HttpResponse {
  const url = new URL(`${ORIGIN}/v2/app/`);
  return { status: 202, headers: headersOf(headers), url, body: contentOf(new Uint8Array()) };
}

function sessionAt(query: string): Session {
  const asked = new URL(`${ORIGIN}/v2/app/blobs/uploads/`);
  return new Session(new URL(`1${query}`, asked), { asked });
}

describe('a registry', () => {
  test('is strict once it began an upload as distribution does', async () => {
    const access = accessAt(ORIGIN);
    expect(await isStrict(access)).toBe(false);
    noteStrict(access, answer(VERSION), sessionAt('?_state=x'));
    expect(await isStrict(access)).toBe(true);
  });

  test.each([
    ['does not name its version', {}, '?_state=x'],
    ['has another kind of location', VERSION, '?state=x'],
  ])('is not when it %s', async (_, headers, query) => {
    const access = accessAt(ORIGIN);
    noteStrict(access, answer(headers), sessionAt(query));
    expect(await isStrict(access)).toBe(false);
  });

  test.each(['http://reg.example', 'https://reg.example:5000'])('is not at %s for that', async (origin) => {
    const { traits } = accessAt(ORIGIN);
    noteStrict({ ...accessAt(ORIGIN), traits }, answer(VERSION), sessionAt('?_state=x'));
    expect(await isStrict({ ...accessAt(origin), traits })).toBe(false);
  });

  test('is not any more once it is forgotten', async () => {
    const access = accessAt(ORIGIN);
    noteStrict(access, answer(VERSION), sessionAt('?_state=x'));
    forgetStrict(access);
    expect(await isStrict(access)).toBe(false);
  });
});

test.each([
  [VERSION, true],
  [{ 'docker-distribution-api-version': 'other' }, false],
  [{}, false],
])('an answer with %j names the version: %s', (headers, expected) => {
  expect(namesVersion(answer(headers))).toBe(expected);
});

test.each([
  [400, true],
  [404, true],
  [401, false],
  [403, false],
  [409, false],
  [500, false],
  [undefined, false],
])('status %s is a refusal of the manifest: %s', (status, expected) => {
  expect(isRefusal(new HubError('FAILED', 'no', { details: { status } }))).toBe(expected);
});

test('a lost manifest is missing itself, so that everything is looked at', () => {
  const digest = `sha256:${'a'.repeat(64)}`;
  const error = lostManifest(accessAt(ORIGIN), { digest, size: 1, mediaType: 'x' });
  expect(error.details['missing']).toEqual([digest]);
});
