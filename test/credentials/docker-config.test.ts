import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  deleteEntries,
  helperFor,
  leadTo,
  parseDockerConfig,
  setEntry,
  type DockerConfig,
} from '../../src/credentials/docker-config.ts';
import { HUB } from '../helpers/credentials.ts';
import { hubErrorFrom } from '../helpers/errors.ts';

function read(value: object | string): DockerConfig {
  const text = typeof value === 'string' ? value : JSON.stringify(value, undefined, '\t');
  return parseDockerConfig(text, '~/.docker/config.json', 'config');
}

describe('reading', () => {
  test('gives what matters and nothing of the wrong type', () => {
    const config = read({
      auths: { 'ghcr.io': {} },
      credsStore: 'desktop',
      credHelpers: { 'quay.io': 'pass', bad: 1 },
      HttpHeaders: { 'X-Meta': 'yes', n: 2 },
      proxies: { default: { httpProxy: 'http://p:1', noProxy: 'x', other: 1 } },
      currentContext: 'remote',
    });
    expect(config.credsStore).toBe('desktop');
    expect(config.credHelpers).toEqual({ 'quay.io': 'pass' });
    expect(config.httpHeaders).toEqual({ 'X-Meta': 'yes' });
    expect(config.proxies['default']).toEqual({ httpProxy: 'http://p:1', httpsProxy: undefined, noProxy: 'x' });
    expect(config.currentContext).toBe('remote');
  });

  test.each(['', ' \n', '\uFEFF', '{}', '{"auths":null,"credHelpers":null,"credsStore":""}'])(
    'of %j gives nothing',
    (text) => {
      const { auths, credsStore, credHelpers } = read(text);
      expect({ auths, credsStore, credHelpers }).toEqual({ auths: {}, credsStore: undefined, credHelpers: {} });
    },
  );

  test.each(['{"auths": {', '[]', '{"auths": []}', '{"credHelpers": "x"}'])(
    'refuses %s and names the file',
    async (text) => {
      const error = await hubErrorFrom(() => read(text));
      expect([error.code, error.message.includes('~/.docker/config.json')]).toEqual(['CONFIG_INVALID', true]);
    },
  );

  test('of the old shape takes the map itself', () => {
    expect(parseDockerConfig('{"h":{"auth":""}}', 'f', 'dockercfg').auths).toEqual({ h: { auth: '' } });
  });
});

describe('the helper for a server', () => {
  const config = read({ credsStore: 'desktop', credHelpers: { 'ghcr.io': 'pass', 'docker.io': 'hub', 'quay.io': '' } });

  test.each([
    ['ghcr.io', 'pass', 'credHelpers["ghcr.io"]'],
    ['https://ghcr.io/v2/', 'pass', 'credHelpers["ghcr.io"]'],
    [HUB, 'hub', 'credHelpers["docker.io"]'],
    ['localhost:5000', 'desktop', 'credsStore'],
  ])('%s is %s', (server, helper, setting) => {
    expect(helperFor(config, server)).toMatchObject({ helper, setting });
  });

  test('is none where an empty name sends docker to the file', () => {
    expect(helperFor(config, 'quay.io')).toBeUndefined();
  });

  test('is none where nothing is named', () => expect(helperFor(read({}), 'ghcr.io')).toBeUndefined());
});

describe('leading to a helper', () => {
  test('names it for the key alone', () => {
    const text = leadTo(read({ auths: {}, credHelpers: { 'quay.io': 'x' } }), 'ghcr.io', 'hubctl');
    expect(JSON.parse(text).credHelpers).toEqual({ 'quay.io': 'x', 'ghcr.io': 'hubctl' });
  });

  test('removes other spellings', () => {
    const text = leadTo(read({ credHelpers: { 'docker.io': 'x' } }), HUB, 'hubctl');
    expect(JSON.parse(text).credHelpers).toEqual({ [HUB]: 'hubctl' });
  });

  test('needs no entry where credsStore says the same', () => {
    const text = leadTo(read({ credsStore: 'pass', credHelpers: { 'ghcr.io': 'x' } }), 'ghcr.io', 'pass');
    expect(JSON.parse(text)).toEqual({ credsStore: 'pass', credHelpers: {} });
  });

  test('to the file itself is an empty name, which docker understands, where credsStore is set', () => {
    const text = leadTo(read({ credsStore: 'pass' }), 'ghcr.io', '');
    expect(JSON.parse(text).credHelpers).toEqual({ 'ghcr.io': '' });
  });

  test('to the file itself is no entry at all where nothing else is set', () => {
    const text = leadTo(read({ credHelpers: { 'ghcr.io': 'pass', 'quay.io': 'x' } }), 'ghcr.io', '');
    expect(JSON.parse(text).credHelpers).toEqual({ 'quay.io': 'x' });
  });
});

describe('an entry', () => {
  const old = {
    auth: 'b2xk',
    identitytoken: 'x',
    username: 'u',
    password: 'p',
    email: 'a@b.c',
    custom: 1.0,
    serveraddress: 's',
  };
  const { text } = read({ auths: { 'ghcr.io': old, 'quay.io': { auth: 'eA==' } } });

  test('keeps what is no secret when it is replaced', () => {
    const edited = setEntry(text, { shape: 'config', key: 'ghcr.io', old, fields: { auth: 'bmV3' } });
    expect(JSON.parse(edited).auths).toEqual({
      'ghcr.io': { auth: 'bmV3', email: 'a@b.c', custom: 1 },
      'quay.io': { auth: 'eA==' },
    });
  });

  test('without fields becomes the placeholder of docker', () => {
    expect(JSON.parse(setEntry('', { shape: 'config', key: 'h', old: undefined, fields: {} }))).toEqual({
      auths: { h: {} },
    });
    const edited = setEntry(text, { shape: 'config', key: 'ghcr.io', old, fields: {} });
    expect(JSON.parse(edited).auths['ghcr.io']).toEqual({ email: 'a@b.c', custom: 1 });
  });

  test('that is no object is replaced', () => {
    const edited = setEntry('{"auths":{"h":7}}', { shape: 'config', key: 'h', old: 7, fields: { auth: 'x' } });
    expect(JSON.parse(edited)).toEqual({ auths: { h: { auth: 'x' } } });
  });

  test('is removed under each of its names', () => {
    expect(JSON.parse(deleteEntries(text, 'config', ['ghcr.io', 'quay.io'])).auths).toEqual({});
    expect(deleteEntries('{"h":{},"i":{}}', 'dockercfg', ['h'])).toBe('{"i":{}}');
  });
});

test('whatever else a file holds, in whatever layout, keeps its bytes through login and logout', () => {
  const name = fc
    .stringMatching(/^[a-zA-Z]{3,12}$/)
    .filter((key) => !['auths', 'credHelpers', 'credsStore', 'proxies'].includes(key));
  const document = fc.dictionary(name, fc.jsonValue(), { minKeys: 1, maxKeys: 5 });
  const layout = fc.constantFrom(undefined, '\t', '  ', 3);
  fc.assert(
    fc.property(document, document, layout, fc.constantFrom('', '\n', '\r\n'), (before, after, indent, end) => {
      const auths = { 'other.example': { auth: 'eA==' } };
      const text =
        JSON.stringify({ ...before, auths, [`z${Object.keys(after).join('')}`]: after }, undefined, indent) + end;
      const edit = { shape: 'config', key: 'ghcr.io', old: undefined, fields: { auth: 'YTpi' } } as const;
      const added = setEntry(read(text).text, edit);
      expect(JSON.parse(added)).toEqual({ ...JSON.parse(text), auths: { ...auths, 'ghcr.io': { auth: 'YTpi' } } });
      expect(deleteEntries(added, 'config', ['ghcr.io'])).toBe(text);
      const led = leadTo(read(added), 'ghcr.io', 'hubctl');
      expect(led.startsWith(added.slice(0, added.trimEnd().length - 1).trimEnd())).toBe(true);
      expect(led.endsWith(end)).toBe(true);
    }),
  );
});
