// Is every document that others wrote understood in one way only, or refused?
import { deepStrictEqual as same, ok, throws } from 'node:assert/strict';
import { credentialOf, decodeAuth, fieldsOf } from '../../../src/credentials/entry.ts';
import {
  deleteEntries,
  helperFor,
  leadTo,
  parseDockerConfig,
  setEntry,
  type FileShape,
} from '../../../src/credentials/docker-config.ts';
import { deleteMember, setMember } from '../../../src/credentials/json-text.ts';
import { namespaceKeys, sameServer, serverKey, spellings } from '../../../src/credentials/aliases.ts';
import { HubError } from '../../../src/errors.ts';
import { manifestFacts } from '../../../src/server/manifest-facts.ts';
import { buildImageConfig } from '../../../src/spec/build.ts';
import { isDigest } from '../../../src/spec/digest.ts';
import { parseImageConfig } from '../../../src/spec/image-config.ts';
import { childrenOf, parseManifest, sniffManifestType } from '../../../src/spec/manifest.ts';
import { MEDIA_TYPES } from '../../../src/spec/media-types.ts';
import { jsonErrorAt } from '../../../src/util/json-error.ts';
import { isRecord, parseJson } from '../../../src/util/json.ts';
import { seedOf } from '../chance.ts';
import { jsonText, strangeJson } from '../json.ts';
import type { Target } from '../target.ts';
import { textOf } from './text.ts';

const DIGEST = `sha256:${'ab'.repeat(32)}`;
const POINTER = { mediaType: MEDIA_TYPES.ociLayerGzip, digest: DIGEST, size: 7 };
const IMAGE = {
  schemaVersion: 2,
  mediaType: MEDIA_TYPES.ociManifest,
  config: { ...POINTER, mediaType: MEDIA_TYPES.ociConfig },
  layers: [POINTER, POINTER],
  annotations: { a: 'b' },
};
const INDEX = {
  schemaVersion: 2,
  mediaType: MEDIA_TYPES.ociIndex,
  manifests: [{ ...POINTER, mediaType: MEDIA_TYPES.ociManifest, platform: { os: 'linux', architecture: 'amd64' } }],
  subject: { ...POINTER, mediaType: MEDIA_TYPES.ociManifest },
  artifactType: 'text/plain',
};
const ARTIFACT = { mediaType: MEDIA_TYPES.ociArtifact, blobs: [POINTER], artifactType: 'a/b' };
const SCHEMA1 = { schemaVersion: 1, fsLayers: [{ blobSum: DIGEST }], signatures: [] };
const CONFIG = {
  created: '2024-01-01T00:00:00Z',
  os: 'linux',
  architecture: 'arm64',
  variant: 'v8',
  config: {
    Env: ['A=b'],
    Cmd: ['sh'],
    Labels: { x: 'y' },
    ExposedPorts: { '80/tcp': {} },
    Healthcheck: { Test: ['NONE'], Retries: 1 },
    StopTimeout: 3,
  },
  rootfs: { type: 'layers', diff_ids: [DIGEST] },
  history: [{ created_by: 'x', empty_layer: true }, {}],
};
const DOCUMENTS = [IMAGE, INDEX, ARTIFACT, SCHEMA1, CONFIG];
const DOCUMENT_WORDS = [
  'schemaVersion',
  'mediaType',
  'config',
  'layers',
  'Layers',
  'manifests',
  'blobs',
  'fsLayers',
  'blobSum',
  'subject',
  'annotations',
  'digest',
  'size',
  'platform',
  'data',
  'urls',
  'rootfs',
  'diff_ids',
  'history',
  'os',
  'architecture',
  DIGEST,
  ...Object.values(MEDIA_TYPES),
];
const ANNOUNCED = [
  undefined,
  '',
  'application/json',
  'text/plain',
  ...Object.values(MEDIA_TYPES),
  `${MEDIA_TYPES.ociIndex}; charset=utf-8`,
];

function checkManifest(bytes: Buffer, announced: string | undefined): string {
  const before = Buffer.from(bytes);
  const manifest = parseManifest(bytes, announced);
  ok(before.equals(bytes), 'the bytes of a manifest were changed');
  const body = JSON.parse(bytes.toString('utf8').replace(/^\ufeff/, '')) as Record<string, unknown>;
  const children = childrenOf(manifest);
  for (const { descriptor } of children) {
    ok(isDigest(descriptor.digest) && Number.isSafeInteger(descriptor.size) && descriptor.size >= 0);
  }
  const lists = { image: 'layers', index: 'manifests', artifact: 'blobs', schema1: 'fsLayers' } as const;
  const list = body[lists[manifest.kind]];
  const count = manifest.kind === 'schema1' || !Array.isArray(list) ? 0 : list.length;
  same(children.length, count + (manifest.kind === 'image' ? 1 : 0));
  if (manifest.kind === 'image')
    ok(body['manifests'] === undefined || body['manifests'] === null, 'an image that is an index as well');
  if (manifest.kind === 'index')
    ok(body['layers'] === undefined || body['layers'] === null, 'an index that is an image as well');
  if (announced === undefined) same(sniffManifestType(bytes), manifest.mediaType);
  return `${manifest.kind} ${Math.min(children.length, 3)} ${manifest.subject !== undefined} ${manifest.annotations !== undefined}`;
}

function checkConfig(bytes: Buffer): string {
  const config = parseImageConfig(bytes);
  ok(config.diffIds.every(isDigest));
  const again = parseImageConfig(buildImageConfig({ ...config }));
  same(again.diffIds, config.diffIds);
  same(again.history, config.history);
  // A set comes back in another order.
  same(JSON.parse(JSON.stringify(again.config)), JSON.parse(JSON.stringify(config.config)));
  return `config ${config.diffIds.length > 0} ${config.history.length > 0} ${config.created !== undefined}`;
}

/** What may be answered with an error, here and below. */
function tried(work: () => string, codes: readonly string[]): string {
  try {
    return work();
  } catch (error) {
    if (HubError.is(error) && codes.includes(error.code))
      return error.message.replaceAll(/".*"|[^a-zA-Z ]+/gs, '').slice(0, 40);
    throw error;
  }
}

function runManifest(input: Buffer): string {
  const announced = ANNOUNCED[seedOf(input) % (ANNOUNCED.length * 3)];
  const manifest = tried(() => checkManifest(input, announced), ['CONTENT_INVALID', 'UNSUPPORTED']);
  const config = tried(() => checkConfig(input), ['CONTENT_INVALID']);
  tried(() => {
    const { needs, subject } = manifestFacts(input, announced);
    ok([...needs, ...(subject ? [subject] : [])].every(({ digest }) => /^sha(?:256|512):[a-f0-9]+$/.test(digest)));
    return '';
  }, ['CONTENT_INVALID']);
  sniffManifestType(input);
  return `${manifest} ${config}`;
}

export const manifest: Target = {
  name: 'manifest',
  limit: 64 * 1024,
  executions: 200_000,
  seeds: DOCUMENTS.map((document) => JSON.stringify(document)),
  words: DOCUMENT_WORDS,
  codes: [],
  make: (chance) => jsonText(strangeJson(chance.pick(DOCUMENTS), chance, DOCUMENT_WORDS), chance),
  run: runManifest,
};

function runJson(input: Buffer): string {
  const text = textOf(input);
  let expected: unknown;
  let isJson = true;
  try {
    expected = JSON.parse(text);
  } catch {
    isJson = false;
  }
  // The scanner goes down a level for each bracket, which parseJson bounds before.
  const brackets = text.replaceAll(/[^[{]/g, '').length;
  if (brackets < 64) same(jsonErrorAt(text) === undefined, isJson);
  const isMarked = text.startsWith('\ufeff');
  if (!isJson && !isMarked) {
    throws(() => parseJson(text, 'it'), HubError);
    parseJson(text, 'it');
  }
  const value = parseJson(text, 'it');
  if (isJson) same(value, expected);
  if (!isRecord(expected)) return typeof expected;
  const [path, other] = [['auths', 'registry.example', 'auth'], { 'a"\\\n': [1] }];
  const set = setMember(text, path, other);
  const parent = isRecord(expected['auths']) ? expected['auths'] : {};
  const entry =
    Object.hasOwn(parent, 'registry.example') && isRecord(parent['registry.example']) ? parent['registry.example'] : {};
  same(JSON.parse(set), { ...expected, auths: { ...parent, 'registry.example': { ...entry, auth: other } } });
  const gone = deleteMember(set, path);
  const { auth: _, ...rest } = entry;
  same(JSON.parse(gone), { ...expected, auths: { ...parent, 'registry.example': rest } });
  // What is not there changes no byte.
  same(deleteMember(gone, path), gone);
  return `object ${Object.keys(expected).length > 0} ${set.includes('\n')} ${set.includes('\r')}`;
}

export const json: Target = {
  name: 'json',
  limit: 64 * 1024,
  executions: 400_000,
  seeds: [
    '{}',
    '[1, -0.5e+3, true, null, "a\\u00e9\\n"]',
    '{\n\t"auths": {\n\t\t"registry.example": {\n\t\t\t"auth": "YTpi"\n\t\t}\n\t}\n}',
    '{"auths":{},"x":[{"a":"}"}]}',
    '{\r\n  "auths": {"registry.example": {"auth": 1, "auth": 2}}\r\n}',
    '\ufeff{ }',
  ],
  words: [
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '\\',
    '\\"',
    '\\u',
    '\\ud800',
    '"auths"',
    '"registry.example"',
    '"auth"',
    '{"a":',
    '[[',
    'true',
    'null',
    '1e5',
    '-0',
    '\t',
    '\r\n',
    ' ',
    '\xee\x80\x80',
    '\xef\xbb\xbf',
    '"__proto__":',
  ],
  codes: ['CONTENT_INVALID'],
  make: (chance) =>
    jsonText(
      strangeJson({ auths: { 'registry.example': { auth: 'x', email: 'y' } }, a: [1, { b: 'c' }] }, chance, [
        'auths',
        'registry.example',
        'auth',
      ]),
      chance,
    ),
  run: runJson,
};

const AUTHS = {
  auths: {
    'https://index.docker.io/v1/': { auth: 'YTpi' },
    'registry.example': { auth: 'dXNlcjpwYXNz', email: 'x@y' },
    'ghcr.io/org': { identitytoken: 't', username: 'u' },
    'localhost:5000': { username: 'u', password: 'p' },
  },
  credsStore: 'pass',
  credHelpers: { 'gcr.io': 'gcloud', 'registry.example': '' },
  HttpHeaders: { 'X-A': 'b' },
  proxies: { default: { httpProxy: 'http://p:3128' } },
  currentContext: 'default',
  plugins: { x: { y: '1' } },
  number: 1e2,
};
const AUTH_WORDS = [
  'auths',
  'auth',
  'credsStore',
  'credHelpers',
  'registry.example',
  'https://registry.example/v2/',
  'REGISTRY.example',
  'index.docker.io',
  'docker.io',
  'identitytoken',
  'registrytoken',
  'username',
  'password',
  'email',
  'serveraddress',
  'YTpi',
  'Og==',
  'YQ==',
  '\x00',
];
const NEW = { kind: 'basic', username: 'somebody', password: 'pass:w\u00f6rd' } as const;

function expectAfterEdit(text: string, shape: FileShape, key: string, edited: string): void {
  const before = (text.trim() === '' ? {} : JSON.parse(text.replace(/^\ufeff/, ''))) as Record<string, unknown>;
  const after = JSON.parse(edited.replace(/^\ufeff/, '')) as Record<string, unknown>;
  const map = (value: Record<string, unknown>): Record<string, unknown> =>
    shape === 'dockercfg' ? value : ((value['auths'] ?? {}) as Record<string, unknown>);
  const without = (value: Record<string, unknown>): unknown => {
    const { [key]: _, ...others } = map(value);
    return shape === 'dockercfg' ? others : { ...value, auths: others };
  };
  same(without(after), without(before));
  const entry = map(after)[key] as Record<string, unknown>;
  same(credentialOf(entry, { key, file: 'file' }), NEW);
  const old = Object.hasOwn(map(before), key) ? map(before)[key] : undefined;
  if (isRecord(old) && typeof old['email'] === 'string') same(entry['email'], old['email']);
}

function runAuthFile(input: Buffer): string {
  const text = input.toString('utf8');
  const shape = seedOf(input) % 3 === 0 ? 'dockercfg' : 'config';
  const config = parseDockerConfig(text, 'file', shape);
  const keys = Object.keys(config.auths);
  const bad = keys.filter((key) =>
    tried(() => `${credentialOf(config.auths[key], { key, file: 'file' })?.kind}`, ['CONFIG_INVALID']).includes('base'),
  );
  for (const name of ['registry.example', 'docker.io']) {
    helperFor(config, name);
    ok(spellings(keys, name).every((key) => keys.includes(key) && sameServer(key, name)));
    ok(namespaceKeys(keys, name, 'org/app').every((key) => keys.includes(key)));
    const key = serverKey(name);
    const old = Object.hasOwn(config.auths, key) ? config.auths[key] : undefined;
    const edited = setEntry(config.text, { shape, key, old, fields: fieldsOf(NEW) });
    expectAfterEdit(config.text, shape, key, edited);
    same(parseDockerConfig(deleteEntries(edited, shape, [key]), 'file', shape).auths[key], undefined);
    if (shape === 'config') {
      const led = leadTo(parseDockerConfig(edited, 'file', shape), key, 'other');
      const choice = helperFor(parseDockerConfig(led, 'file', shape), name);
      same(choice?.helper, 'other');
    }
  }
  return `${shape} ${Math.min(keys.length, 4)} ${bad.length > 0} ${config.credsStore !== undefined} ${config.text === text}`;
}

export const authFile: Target = {
  name: 'auth-file',
  limit: 64 * 1024,
  executions: 200_000,
  seeds: [
    JSON.stringify(AUTHS),
    JSON.stringify(AUTHS, undefined, '\t'),
    JSON.stringify(AUTHS.auths, undefined, 2),
    'auth = YTpi\nemail = x@y\n',
    '',
    '{}',
    '{"auths":null}',
  ],
  words: [...AUTH_WORDS, 'auth = ', 'email = ', '\n', '\r\n', '{', '}', '"', ':', ',', '\xef\xbb\xbf'],
  codes: ['CONFIG_INVALID'],
  make: (chance) => jsonText(strangeJson(chance.once(4) ? AUTHS.auths : AUTHS, chance, AUTH_WORDS), chance),
  run: runAuthFile,
};

function runEntry(input: Buffer): string {
  const text = input.toString('latin1');
  const account = decodeAuth(text);
  if (!account) return 'none';
  const again = decodeAuth(Buffer.from(`${account.username}:${account.password}`).toString('base64'));
  same(again, account);
  ok(!account.username.includes(':'));
  return `${account.username === ''} ${account.password === ''} ${account.password.includes(':')}`;
}

export const auth: Target = {
  name: 'auth',
  limit: 4096,
  executions: 3_000_000,
  seeds: ['YTpi', 'dXNlcjpwYXNz', 'dXNlcjpwYXNzAAA=', '', 'Og==', 'dXNl\r\ncjpwYXNz'],
  words: ['=', '==', '\n', '+', '/', 'Og==', 'OjA6', 'AAAA', '-', '_'],
  codes: [],
  run: runEntry,
};
