// Do references, digests, platforms and patterns mean what their grammars say?
import { deepStrictEqual as same, ok } from 'node:assert/strict';
import { descriptorJson } from '../../../src/spec/build.ts';
import { parseDescriptor } from '../../../src/spec/descriptor.ts';
import { algorithmOf, encodedOf, hasherFor, isDigest, isVerifiable, shortDigest } from '../../../src/spec/digest.ts';
import { globMatches } from '../../../src/spec/glob.ts';
import {
  formatPlatform,
  normalizePlatform,
  parsePlatform,
  platformRank,
  samePlatform,
} from '../../../src/spec/platform.ts';
import {
  familiarString,
  formatReference,
  isRepository,
  isTag,
  parseAnyReference,
  parseReference,
  withDefaultTag,
  type Reference,
} from '../../../src/spec/reference.ts';
import { HubError } from '../../../src/errors.ts';
import type { Chance } from '../chance.ts';
import { jsonText, strangeJson } from '../json.ts';
import type { Target } from '../target.ts';

const HEX = 'a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4';
const SHA256 = `sha256:${HEX}`;
const SHA512 = `sha512:${HEX}${HEX}`;

// The grammar as distribution/reference writes it down, not as src/spec does.
const NAME_PART = '[a-z0-9]+(?:(?:\\.|_|__|-*)[a-z0-9]+)*';
const HOST_PART = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const DOMAIN = `(?:${HOST_PART}(?:\\.${HOST_PART})*|\\[(?:[a-fA-F0-9:]+)\\])(?::[0-9]+)?`;
const DIGEST_TEXT = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}';
/** `-*` matches the same and would make V8 try every way to cut a word. */
const PATH = `${NAME_PART.replace('-*', '-+')}(?:/${NAME_PART.replace('-*', '-+')})*`;
const FULL = new RegExp(`^(${DOMAIN})/(${PATH})(?::([\\w][\\w.-]{0,127}))?(?:@(${DIGEST_TEXT}))?$`);

function expectedReference(text: string): Reference | undefined {
  if (text.length > 4096 || /^[a-f0-9]{64}$/.test(text)) return undefined;
  const slash = text.indexOf('/');
  const first = slash === -1 ? '' : text.slice(0, slash);
  const isHost = /[.:]/.test(first) || first === 'localhost' || first.toLowerCase() !== first;
  const [host, rest] = isHost ? [first, text.slice(slash + 1)] : ['docker.io', text];
  const domain = host === 'index.docker.io' ? 'docker.io' : host;
  const remote = domain === 'docker.io' && !rest.includes('/') ? `library/${rest}` : rest;
  const [, registry = '', repository = '', tag, digest] = FULL.exec(`${domain}/${remote}`) ?? [];
  if (registry === '' || repository.length > 255) return undefined;
  if (digest !== undefined && !/^(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/.test(digest)) return undefined;
  return { registry, repository, tag, digest };
}

function runReference(input: Buffer): string {
  const text = input.toString('utf8');
  const expected = expectedReference(text);
  let reference: Reference;
  try {
    reference = parseReference(text);
  } catch (error) {
    same(expected, undefined);
    if (HubError.is(error)) ok(!/[\0-\x1f\x7f-\x9f]/.test(error.hint ?? ''), 'controls in a hint');
    parseAnyReference(text);
    throw error;
  }
  same(reference, expected);
  same(parseReference(formatReference(reference)), reference);
  same(parseReference(familiarString(reference)), reference);
  ok(isRepository(reference.repository));
  ok(reference.tag === undefined || isTag(reference.tag));
  same(parseAnyReference(formatReference(withDefaultTag(reference))), withDefaultTag(reference));
  return `ok ${reference.tag !== undefined} ${reference.digest !== undefined} ${reference.registry === 'docker.io'} ${reference.registry.startsWith('[')} ${reference.registry.includes(':')}`;
}

export const reference: Target = {
  name: 'reference',
  limit: 5000,
  executions: 2_500_000,
  seeds: [
    'alpine',
    'alpine:3.20',
    'ghcr.io/owner/app:v1',
    `user/app@${SHA256}`,
    `localhost:5000/a/b__c/d-e.f:tag@${SHA256}`,
    '[2001:db8::1]:5000/app',
    'index.docker.io/library/x',
    `Host/x@${SHA512}`,
    'https://docker.io/x',
    HEX,
    SHA256,
    `sha256:${'a'.repeat(63)}`,
  ],
  words: [
    'docker.io/',
    'index.docker.io/',
    'library/',
    'localhost/',
    ':',
    '@',
    '/',
    '//',
    '__',
    '..',
    '--',
    '-',
    '.',
    `@${SHA256}`,
    `@${SHA512}`,
    ':latest',
    '[::1]',
    ':5000',
    'A',
    HEX,
    '@sha384:',
    '@sha256:',
    'a'.repeat(256),
    'b/'.repeat(130),
    '.com/',
  ],
  codes: ['REFERENCE_INVALID'],
  run: runReference,
};

const ANY_DIGEST = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$/;

function expectedDigest(text: string): boolean {
  if (text.startsWith('sha256:')) return /^sha256:[a-f0-9]{64}$/.test(text);
  if (text.startsWith('sha512:')) return /^sha512:[a-f0-9]{128}$/.test(text);
  return ANY_DIGEST.test(text);
}

const DESCRIPTOR = {
  mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
  digest: SHA256,
  size: 1234,
  urls: ['https://example.com/layer'],
  annotations: { 'org.opencontainers.image.ref.name': 'v1' },
  platform: { os: 'linux', architecture: 'arm', variant: 'v7', 'os.version': '10.0', 'os.features': ['win32k'] },
  artifactType: 'text/plain',
  data: 'e30=',
};
const DESCRIPTOR_WORDS = [
  ...Object.keys(DESCRIPTOR),
  SHA256,
  SHA512,
  'os',
  'architecture',
  'variant',
  'os.version',
  'os.features',
  'sha256:',
  'sha512:',
];

function runDescriptor(value: unknown): string {
  const descriptor = parseDescriptor(value, 'it');
  ok(isDigest(descriptor.digest) && Number.isSafeInteger(descriptor.size) && descriptor.size >= 0);
  ok(descriptor.urls?.every((url) => typeof url === 'string') ?? true);
  const again = JSON.parse(JSON.stringify(descriptorJson(descriptor))) as unknown;
  // An empty list or map is not written.
  const comparable = (entry: object): unknown =>
    JSON.parse(JSON.stringify(entry, (_, item: unknown) => (isEmpty(item) ? undefined : item)));
  same(comparable(parseDescriptor(again, 'it')), comparable(descriptor));
  return `descriptor ${descriptor.platform !== undefined} ${descriptor.annotations !== undefined} ${descriptor.urls === undefined}`;
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

function runDigest(input: Buffer): string {
  const text = input.toString('utf8');
  if (text.startsWith('{')) return runDescriptor(jsonOf(text));
  const isOne = isDigest(text);
  same(isOne, expectedDigest(text));
  if (!isOne) return 'no digest';
  same(`${algorithmOf(text)}:${encodedOf(text)}`, text);
  ok(shortDigest(text).length <= 12 && encodedOf(text).startsWith(shortDigest(text)));
  if (isVerifiable(text)) same(hasherFor(text).digest('hex').length, encodedOf(text).length);
  else hasherFor(text);
  return `digest ${isVerifiable(text)}`;
}

/** What is no JSON is nothing that is left to say about. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export const digest: Target = {
  name: 'digest',
  limit: 64 * 1024,
  executions: 1_500_000,
  seeds: [
    SHA256,
    SHA512,
    'sha256+b64u:LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564',
    'multihash+base58:QmRZx',
    JSON.stringify(DESCRIPTOR),
  ],
  words: [...DESCRIPTOR_WORDS, ':', '+', '.', '_', '-', '=', HEX],
  codes: ['CONTENT_INVALID', 'UNSUPPORTED'],
  make: (chance) => jsonText(strangeJson(DESCRIPTOR, chance, DESCRIPTOR_WORDS), chance),
  run: runDigest,
};

const HOST = { os: 'linux', architecture: 'amd64' };

function runPlatform(input: Buffer): string {
  const text = input.toString('utf8');
  const platform = parsePlatform(text, HOST);
  const normal = normalizePlatform(platform);
  same(normalizePlatform(normal), normal);
  ok(samePlatform(platform, normal));
  ok(platformRank(platform, platform) !== undefined, 'a platform does not suit itself');
  const written = formatPlatform(platform);
  // Blanks and the like can be meant with %20 and are written as they are, as containerd does.
  if (/^[\w/().+%-]*$/.test(written)) ok(samePlatform(parsePlatform(written, HOST), platform));
  const parts = [platform.variant, platform.osVersion, platform.osFeatures].map((part) => part !== undefined);
  return `ok ${platform.architecture.slice(0, 6)} ${parts.join(' ')}`;
}

export const platform: Target = {
  name: 'platform',
  limit: 1024,
  executions: 2_000_000,
  seeds: [
    'linux/amd64',
    'linux/arm/v7',
    'arm64',
    'windows(10.0.17763+win32k)/amd64',
    'darwin',
    'linux/arm64/v9.2',
    'x86_64',
    'linux(%20+a%2Bb)/386',
  ],
  words: [
    'linux',
    'windows',
    'macos',
    'amd64',
    'arm',
    'arm64',
    'armhf',
    'i386',
    'aarch64',
    '/',
    '(',
    ')',
    '+',
    '%',
    '%2F',
    '%ff',
    '%25',
    'v8',
    'v9.1',
    '10.0.20348',
    '10.0.26100.1',
    'win32k',
    'v99',
    'unknown',
    '()',
  ],
  codes: ['REFERENCE_INVALID'],
  run: runPlatform,
};

/** By trying every way, which only short texts allow. */
function slowMatch(pattern: readonly string[], text: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return text.length === 0;
  if (first === '*') {
    if (slowMatch(rest, text)) return true;
    return text.length > 0 && text[0] !== '/' && slowMatch(pattern, text.slice(1));
  }
  if (text.length === 0) return false;
  return (first === '?' ? text[0] !== '/' : first === text[0]) && slowMatch(rest, text.slice(1));
}

function runGlob(input: Buffer): string {
  const [pattern = '', text = ''] = input.toString('utf8').split('\n', 2);
  const isMatch = globMatches(pattern, text);
  if (pattern.length + text.length < 14 && !/[[\]\\^-]/.test(pattern)) {
    same(isMatch, slowMatch([...pattern], [...text]));
  }
  // A text with every special character taken as it is matches itself and nothing else.
  const literal = text.replaceAll(/[[\]\\*?]/g, '\\$&');
  ok(globMatches(literal, text));
  ok(!globMatches(`${literal}x`, text));
  return `${isMatch} ${pattern.length > 0} ${pattern.includes('*')} ${pattern.includes('[')} ${pattern.includes('\\')}`;
}

function glob(chance: Chance): string {
  const some = (): string =>
    Array.from({ length: chance.below(7) }, () => chance.pick(['a', 'b', '/', '*', '?'])).join('');
  return `${some()}\n${some().replaceAll(/[*?]/g, 'a')}`;
}

export const pattern: Target = {
  name: 'pattern',
  limit: 2048,
  executions: 2_500_000,
  seeds: ['*\nalpine', 'a*/b?\nax/bc', '[a-z]*\nabc', '[^a]\\*\nb*', 'ghcr.io/*/*:v[0-9]\nghcr.io/a/b:v1'],
  words: ['*', '?', '[', ']', '[^', '-', '\\', '/', '\n', '**', '*a', '[a-z]', '[]a]', '\\]'],
  codes: ['USAGE'],
  make: glob,
  run: runGlob,
};
