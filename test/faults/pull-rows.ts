// Which faults can a pull meet, and how does it have to end? 37 rows, 26 of them survived.
import { expect } from 'vitest';
import { ACCOUNT, bytesOfBig, type Played, type Row, type Targets } from './play.ts';
import type { Fault, Rule } from './rules.ts';

const MIB = 1024 * 1024;
const get = (path: RegExp, fault: Fault, more: Omit<Rule, 'do' | 'path' | 'method'> = {}): Rule => ({
  method: 'GET',
  path,
  do: fault,
  ...more,
});
const once = (path: RegExp, fault: Fault): Rule => get(path, fault, { nth: 1 });
const anyMethod = (path: RegExp, fault: Fault, more: Omit<Rule, 'do' | 'path'> = {}): Rule => ({
  path,
  do: fault,
  ...more,
});

/** Each byte of the big layer crossed once. */
function nothingTwice({ proxy }: Played, { image }: Targets): void {
  expect(bytesOfBig(proxy, image)).toBeLessThanOrEqual(image.big.descriptor.size * 1.01);
}

/** It went on from where it was. A reset may take with it what was sent and not yet read, so bytes are not counted. */
function wentOn({ proxy }: Played, { big }: Targets): void {
  const ranges = proxy.requests('GET', big).map(({ range }) => Number(/^bytes=(\d+)-/.exec(range ?? '')?.[1] ?? 0));
  expect(Math.max(...ranges)).toBeGreaterThan(0);
}

/** After the damage came one whole fetch, without a range and on a connection that nothing else had come by. */
function anotherWay({ proxy }: Played, { big }: Targets): void {
  const asked = proxy.requests('GET', big);
  const again = asked.at(-1);
  const before = proxy.log.slice(0, proxy.log.indexOf(again!));
  expect(before).toContain(asked[0]);
  expect(again?.range).toBeUndefined();
  expect(before.map(({ connection }) => connection)).not.toContain(again?.connection);
}

/** No request came before the registry wanted it. */
function neverEarly(path: RegExp, milliseconds: number): NonNullable<Row['check']> {
  return ({ proxy }) => {
    const times = proxy.requests(undefined, path).map(({ at }) => at);
    for (const [index, at] of times.slice(1).entries()) expect(at - times[index]!).toBeGreaterThanOrEqual(milliseconds);
  };
}

/** Other bytes that are a manifest as well. */
function altered(targets: Targets): string {
  return targets.image.manifest.toString().replace(/\}$/, ',"annotations":{"altered":"yes"}}');
}

const HTML = '<!doctype html><title>Sign in to the network</title>';

export const PULL_ROWS: readonly Row[] = [
  {
    id: 'P01',
    fault: 'reset at 50 % of a blob, once',
    rules: ({ big }) => [once(big, { resetAfter: '50%' })],
    exit: 0,
    check: wentOn,
  },
  {
    id: 'P02',
    fault: 'reset at 90 %, once',
    rules: ({ big }) => [once(big, { resetAfter: '90%' })],
    exit: 0,
    check: wentOn,
  },
  {
    id: 'P03',
    fault: 'reset at 50 %, every time',
    rules: ({ big }) => [
      get(big, { resetAfter: '50%' }, { headers: { '!range': true } }),
      get(big, { resetAfter: 0 }, { headers: { range: true } }),
    ],
    whole: true,
    exit: 6,
    // A reset takes with it what was sent and not yet read, so where that was is not known.
    says: 'pull {ref}: {big} stopped at {count} of {size} bytes: {host} closed the connection (6 tries)',
    hint: 'run the same command again: it goes on from there',
  },
  {
    id: 'P04',
    fault: 'end of the connection at 50 % of the promised length, once',
    rules: ({ big }) => [once(big, { closeAfter: '50%' })],
    exit: 0,
    check: nothingTwice,
  },
  {
    id: 'P05',
    fault: 'half a body with a length that agrees, once',
    rules: ({ big }) => [once(big, { truncate: '50%' })],
    exit: 0,
    bigTimes: 1.5,
  },
  {
    id: 'P06',
    fault: 'half a body without a length and with a clean end, once',
    rules: ({ big }) => [once(big, { truncateChunked: '50%' })],
    exit: 0,
    bigTimes: 1.5,
  },
  {
    id: 'P07',
    fault: 'one wrong bit in a blob, once',
    rules: ({ big }) => [once(big, { corrupt: '50%' })],
    exit: 0,
    bigTimes: 2,
    check: anotherWay,
  },
  {
    id: 'P08',
    fault: 'one wrong bit in a blob, every time',
    rules: ({ big }) => [get(big, { corrupt: '50%' })],
    check: anotherWay,
    exit: 7,
    says: 'pull {ref}: expected {big} of {size} bytes, received digest {wrong}, twice',
    hint: 'nothing was stored; if it happens again, the registry or something between changes content',
    bigTimes: 2,
  },
  {
    id: 'P09',
    fault: '1 KiB too long, once',
    rules: ({ big }) => [once(big, { append: 1024 })],
    exit: 0,
    bigTimes: 2.01,
  },
  {
    id: 'P10',
    fault: 'an empty 200 for a blob, once',
    rules: ({ big }) => [once(big, { truncate: 0 })],
    exit: 0,
    bigTimes: 1,
    bigTimesAhead: 1,
  },
  {
    id: 'P11',
    fault: '429 without Retry-After for a blob, once',
    rules: ({ big }) => [once(big, { status: 429 })],
    exit: 0,
  },
  {
    id: 'P12',
    fault: '429 with Retry-After: 2 for a blob, once',
    rules: ({ big }) => [once(big, { status: 429, headers: { 'retry-after': '2' } })],
    whole: true,
    exit: 0,
    check: ({ proxy }, { big }) => neverEarly(big, 2000)({ proxy } as Played, {} as Targets),
  },
  {
    id: 'P13',
    fault: '429 with Retry-After: 5 for the manifest, always',
    rules: ({ tag }) => [anyMethod(tag, { status: 429, headers: { 'retry-after': '5' } })],
    exit: 5,
    says: 'pull {ref}: {host} limits the rate of requests (429): a fault of status 429 (6 tries)',
    hint: 'try again in 5 s; logging in raises the limit of most registries: hubctl login {host}',
    requests: 6,
    check: neverEarly(/./, 5000),
  },
  {
    id: 'P14',
    fault: '503 for a blob, twice',
    rules: ({ big }) => [get(big, { status: 503 }, { nth: [1, 2] })],
    exit: 0,
  },
  {
    id: 'P15',
    fault: '503 for a blob, always',
    rules: ({ big }) => [get(big, { status: 503 })],
    exit: 6,
    says: 'pull {ref}: {big} stopped at 0 of {size} bytes: {host} answered 503: a fault of status 503 (6 tries)',
    hint: 'the registry has a problem; try again in a while',
  },
  { id: 'P16', fault: '500 for the manifest, once', rules: ({ tag }) => [once(tag, { status: 500 })], exit: 0 },
  {
    id: 'P17',
    fault: '502 with a web page for a blob, once',
    rules: ({ big }) => [once(big, { status: 502, body: HTML })],
    exit: 0,
  },
  {
    id: 'P18',
    fault: 'nothing more after 50 % of a blob',
    rules: ({ big }) => [once(big, { stallAfter: '50%' })],
    exit: 0,
    stalls: true,
    check: nothingTwice,
  },
  {
    id: 'P19',
    fault: 'the request for a blob never answered, once',
    rules: ({ big }) => [once(big, { stall: true })],
    exit: 0,
    stalls: true,
  },
  {
    id: 'P20',
    fault: 'a pause of 15 s within a blob, which is no fault',
    rules: ({ big }) => [once(big, { stallAfter: '50%', stallFor: 15_000 })],
    exit: 0,
    check: nothingTwice,
  },
  { id: 'P21', fault: 'reset on the manifest, once', rules: ({ tag }) => [once(tag, { reset: true })], exit: 0 },
  {
    id: 'P22',
    fault: 'reset on the request for a blob, once',
    rules: ({ big }) => [once(big, { reset: true })],
    exit: 0,
  },
  {
    id: 'P23',
    fault: 'a blob that redirects to itself',
    rules: ({ big }) => [get(big, { redirect: '{path}' })],
    exit: 6,
    says: 'pull {ref}: {big} stopped at 0 of {size} bytes: redirect loop at http://{host}/v2/app/blobs/{big}',
    hint: 'the registry or a proxy before it has a problem; try again in a while',
    check: ({ proxy }, { big }) => expect(proxy.requests('GET', big).length).toBeLessThanOrEqual(11),
  },
  {
    id: 'P24',
    fault: 'redirect to a port where nobody listens',
    rules: ({ big }) => [get(big, { redirect: 'http://127.0.0.1:1{path}' })],
    exit: 6,
    says: 'pull {ref}: {big} stopped at 0 of {size} bytes: cannot connect to 127.0.0.1:1 (refused) (6 tries)',
    hint: 'is 127.0.0.1:1 running, and is the port right?',
  },
  {
    id: 'P25',
    fault: 'no Docker-Content-Digest',
    rules: ({ tag }) => [anyMethod(tag, { withoutHeaders: ['docker-content-digest'] })],
    exit: 0,
  },
  {
    id: 'P26',
    fault: 'a manifest of 8 MiB',
    rules: ({ manifest }) => [
      get(manifest, { replace: Buffer.alloc(8 * MIB, ' '), withoutHeaders: ['docker-content-digest'] }),
      { method: 'HEAD', path: manifest, do: { withoutHeaders: ['docker-content-digest'] } },
    ],
    exit: 7,
    says: 'pull {ref}: the manifest is larger than 4194304 bytes',
    hint: 'nothing was stored; tell whoever made the image',
  },
  {
    id: 'P27',
    fault: 'a web page with 200 as manifest',
    rules: ({ manifest }) => [
      anyMethod(manifest, {
        replace: HTML,
        withoutHeaders: ['docker-content-digest'],
        setHeaders: { 'content-type': 'text/html' },
      }),
    ],
    exit: 6,
    says: 'pull {ref}: {host} answered with a web page instead of a manifest',
    hint: 'is a login page or proxy in between? try: curl -v on the same address',
  },
  {
    id: 'P28',
    fault: 'an altered manifest under its old digest, asked for by tag',
    rules: (targets) => [get(targets.manifest, { replace: altered(targets) })],
    exit: 7,
    says: 'pull {ref}: the manifest should be {digest} but hashes to {altered}, twice',
    hint: 'nothing was stored; the registry or something between changes content',
  },
  {
    id: 'P29',
    fault: 'an altered manifest, asked for by digest',
    rules: (targets) => [anyMethod(targets.manifest, { replace: altered(targets) })],
    exit: 7,
    says: 'pull {ref}: the manifest should be {digest} but hashes to {altered}, twice',
    hint: 'nothing was stored; the registry or something between changes content',
    byDigest: true,
  },
  {
    id: 'P30',
    fault: '404 for a blob that the manifest lists, once',
    rules: ({ big }) => [once(big, { status: 404 })],
    exit: 0,
  },
  {
    id: 'P31',
    fault: '401 for a blob, once: the token has expired',
    rules: ({ big }) => [once(big, { challenge: true })],
    tokens: { account: ACCOUNT },
    exit: 0,
    check: ({ proxy }) => expect(proxy.requests(undefined, /^\/token/).length).toBeLessThanOrEqual(2),
  },
  {
    id: 'P32',
    fault: '503 from the token service, once',
    rules: ({ token }) => [anyMethod(token, { status: 503 }, { nth: 1 })],
    tokens: { account: ACCOUNT },
    exit: 0,
  },
  {
    id: 'P33',
    fault: 'a token service that never answers',
    rules: ({ token }) => [anyMethod(token, { stall: true })],
    tokens: {},
    exit: 6,
    says: 'pull {ref}: the token service {host} did not answer within 0.4 s (2 tries)',
    hint: 'run the same command again; what was received is kept',
    stalls: true,
    requests: 4,
  },
  {
    id: 'P34',
    fault: 'reset at 50 %, and Range is ignored',
    // A client that is slow asks for parts at once, and this registry never gave one. Which of four answers is reset is chance; of
    // two others the buffers of this machine hold most by the time they are called off.
    rules: ({ big }) => [
      once(big, { resetAfter: '50%', withoutRequestHeaders: ['range'] }),
      get(big, { withoutRequestHeaders: ['range'] }),
    ],
    exit: 0,
    bigTimes: 1.5,
    bigTimesAhead: 2,
  },
  {
    id: 'P35',
    fault: 'reset at 50 %, and Range is answered with 416',
    rules: ({ big }) => [get(big, { status: 416 }, { headers: { range: true } }), once(big, { resetAfter: '50%' })],
    exit: 0,
    bigTimes: 1.5,
  },
  {
    id: 'P36',
    fault: 'every connection breaks after 200 KiB of a blob',
    rules: ({ big }) => [get(big, { resetAfter: 200 * 1024 })],
    exit: 0,
    check: wentOn,
  },
  {
    id: 'P37',
    fault: 'chaos: 10 % of all requests reset',
    rules: () => [{ chance: 0.1, do: { reset: true } }],
    exit: 0,
    quietly: true,
  },
];
