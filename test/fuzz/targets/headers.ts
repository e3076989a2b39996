// Do the headers of answers mean what they say, and no more?
import { deepStrictEqual as same, ok } from 'node:assert/strict';
import { chooseChallenge, parseChallenges, type Challenge } from '../../../src/auth/challenge.ts';
import { serviceMessage } from '../../../src/auth/message.ts';
import { checkRealmPin, resolveRealm } from '../../../src/auth/realm.ts';
import { mergeScopes } from '../../../src/auth/scope.ts';
import {
  headersOf,
  parseContentRange,
  parseLink,
  parseRateLimit,
  parseRetryAfter,
  parseWarning,
} from '../../../src/http/headers.ts';
import { redactHeaders, redactText } from '../../../src/http/redact.ts';
import { parseRange } from '../../../src/server/range.ts';
import type { Target } from '../target.ts';

const REGISTRY = new URL('https://registry.example:5000/v2/');

function print({ scheme, parameters }: Challenge): string {
  const quoted = (text: string): string => `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
  const word = (text: string): string => (/^[\w.-]+$/.test(text) ? text : quoted(text));
  return `${word(scheme)} ${Object.entries(parameters)
    .map(([name, value]) => `${word(name)}=${quoted(value)}`)
    .join(', ')}`;
}

function runChallenge(input: Buffer): string {
  const lines = input.toString('latin1').split('\n');
  const challenges = parseChallenges(lines);
  // One after the other on one line, as a proxy may join them.
  const joined = challenges.map(print).join(', ');
  if (joined.length <= 16 * 1024) same(parseChallenges([joined]), challenges);
  const chosen = chooseChallenge(challenges);
  if (!chosen) return `${Math.min(challenges.length, 3)} of ${Math.min(lines.length, 3)}`;
  const names = Object.keys(chosen.parameters);
  ok(chosen.scheme === chosen.scheme.toLowerCase() && names.every((name) => name === name.toLowerCase()));
  const { realm = '', scope = '' } = chosen.parameters;
  const scopes = mergeScopes([scope]);
  same(mergeScopes(scopes), scopes);
  if (chosen.scheme !== 'bearer') return 'basic';
  const url = resolveRealm(realm, REGISTRY);
  ok(url.protocol === 'https:', 'a token in the clear');
  ok(url.username === '' && url.password === '');
  checkRealmPin(url, { name: 'registry.example', url: REGISTRY, pinned: undefined });
  // A dot at the end is that of the root.
  ok(/(?:^|\.)registry\.example\.?$/.test(url.hostname), 'a password elsewhere');
  return `realm ${Math.min(names.length, 4)} ${Math.min(scopes.length, 3)} ${url.port === ''}`;
}

export const challenge: Target = {
  name: 'challenge',
  limit: 16 * 1024,
  executions: 1_000_000,
  seeds: [
    'Bearer realm="https://auth.registry.example/token",service="registry",scope="repository:app:pull,push"',
    'Basic realm="registry", charset="UTF-8"',
    'Negotiate a87421000492aa874209af8bc028==, Bearer realm="/token"',
    'Bearer realm="https://registry.example:5000/token?a=b" , error="invalid_token"\nBasic realm=x',
    'Bearer realm="http://127.0.0.1/token"',
    'Bearer realm="https://u:p@registry.example/\\"token"',
  ],
  words: [
    'Bearer ',
    'Basic ',
    'realm=',
    'service=',
    'scope=',
    '"',
    '\\"',
    ',',
    ', ',
    '=',
    '==',
    'https://',
    'http://',
    '//',
    '@',
    'registry.example',
    '.registry.example',
    'repository:a/b:pull',
    'pull,push',
    ' ',
    ':*',
    '127.0.0.1',
    '[::1]',
    '__proto__=',
    'file:///',
    '/token',
    '\n',
    '\t',
    '%00',
    '169.254.169.254',
  ],
  codes: ['UNAUTHORIZED', 'REFUSED'],
  run: runChallenge,
};

const SECRET = 'c4n4ry-0f-s3cr3ts';

/** Nothing that stands before it may make a secret visible. */
function checkSecrets(text: string): void {
  const cases = [
    `Bearer ${SECRET} ${text}`,
    `https://user:${SECRET}@host.example/ ${text}`,
    `/v2/x?sig=${SECRET} ${text}`,
  ];
  for (const secret of cases) ok(!redactText(secret).includes(SECRET), 'a secret is shown');
}

function runHeader(input: Buffer): string {
  const text = input.toString('latin1');
  const links = parseLink([text]);
  ok(links.every(({ url, rel }) => !/[<>]/.test(url) && rel === rel.toLowerCase() && !/\s/.test(rel)));
  const range = parseContentRange(text);
  if (range) {
    const { start, end, total } = range;
    const whole = total === undefined ? '*' : String(total);
    ok((start === undefined) === (end === undefined));
    const written = start === undefined ? `bytes */${whole}` : `bytes ${start}-${end! - 1}/${whole}`;
    same(parseContentRange(written), range);
    ok(start === undefined || (start < end! && end! <= (total ?? Infinity) && Number.isSafeInteger(end)));
  }
  const wait = parseRetryAfter(text, 1_700_000_000_000);
  ok(wait === undefined || (wait >= 0 && Number.isFinite(wait)), 'a wait that cannot be waited');
  const headers = headersOf({
    'ratelimit-limit': text,
    'ratelimit-remaining': [text, text],
    'retry-after': text,
    link: text,
  });
  const limit = parseRateLimit(headers);
  ok([limit?.limit, limit?.remaining, limit?.window].every((count) => count === undefined || count >= 0));
  const warnings = parseWarning([text]);
  const part = parseRange(text, 1000);
  if (typeof part === 'object') ok(part.start >= 0 && part.start < part.end && part.end <= 1000);
  redactHeaders((name) => headers.get(name));
  checkSecrets(text);
  return `${Math.min(links.length, 3)} ${links.some(({ rel }) => rel === 'next')} ${range?.start !== undefined} ${range?.total !== undefined} ${wait === undefined} ${limit?.window !== undefined} ${warnings.length} ${typeof part}`;
}

export const header: Target = {
  name: 'header',
  limit: 32 * 1024,
  executions: 700_000,
  seeds: [
    '</v2/_catalog?last=a&n=100>; rel="next"',
    '<https://registry.example/x>;rel=next;title="a,b;c", <y>; REL="prev next"',
    'bytes 0-99/1000',
    'bytes */1000',
    'bytes 5-9/*',
    'bytes=0-499',
    'bytes=-5',
    '120',
    'Wed, 21 Oct 2015 07:28:00 GMT',
    '100;w=21600',
    '299 - "it is \\"old\\""',
    'Bearer abc.def, token=xyz https://a:b@c/d?sig=1',
    'eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.sig',
  ],
  words: [
    '<',
    '>',
    '; rel=',
    'rel="next"',
    ';',
    '"',
    '\\',
    'bytes ',
    'bytes=',
    '-',
    '/',
    '*',
    '/*',
    ';w=',
    '299 - "',
    'GMT',
    ',',
    ' ',
    'Bearer ',
    'Basic ',
    'eyJ',
    '.',
    'token=',
    'password":"',
    'https://',
    '://',
    '?',
    '&',
    '=',
    'realm=',
    '\t',
    'a',
    '%',
  ],
  codes: [],
  run: runHeader,
};

function runMessage(input: Buffer): string {
  const text = input.toString('utf8');
  const said = serviceMessage(text, text.length % 2 === 0 ? 'application/json' : undefined);
  if (said === undefined) return 'nothing';
  ok(!/[\0-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/.test(said), 'controls in a message');
  ok(said.length <= 200 * 11, 'a long message');
  ok(serviceMessage(`Bearer ${SECRET} ${text}`, undefined)?.includes(SECRET) !== true, 'a secret in a message');
  return `said ${text.startsWith('{')} ${said.includes('[hidden]')} ${said.includes('\\u{')}`;
}

export const message: Target = {
  name: 'message',
  limit: 64 * 1024,
  executions: 800_000,
  seeds: [
    '{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":[{"Type":"repository"}]}]}',
    '{"details":"incorrect username or password"}',
    '{"error":"invalid_grant","error_description":"no"}',
    'plain text\nof two lines',
    '<html>login</html>',
    'token=abc Bearer x.y eyJa.b.c https://u:p@h/?s=1',
  ],
  words: [
    '{"errors":[',
    '{"message":"',
    '"',
    '}',
    ']',
    '\\u001b[31m',
    '\\ud800',
    'eyJ',
    'eyJ-',
    '.',
    'token',
    'password',
    '= ',
    ': ',
    'Bearer ',
    'Basic ',
    'https://',
    '?',
    ' ',
    '\n',
    '<',
    'secret',
    '\u202e',
  ],
  codes: [],
  run: runMessage,
};
