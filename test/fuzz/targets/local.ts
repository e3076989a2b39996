// Are options, settings and paths understood, or refused with an error that is ours?
import { deepStrictEqual as same, ok } from 'node:assert/strict';
import { posix } from 'node:path';
import {
  canonicalServer,
  hostOfKey,
  likelyKeys,
  logoutKeys,
  serverKey,
  spellings,
} from '../../../src/credentials/aliases.ts';
import { parseImageFilters } from '../../../src/cli/image-filters.ts';
import { compileTemplate } from '../../../src/cli/output/format.ts';
import { HubError } from '../../../src/errors.ts';
import { bareHost, hostMatcher, isLoopback, isMachineLocal, networks, splitHost } from '../../../src/http/addresses.ts';
import { proxyAuthorization, proxyFor, proxyFromEnvironment } from '../../../src/http/proxy.ts';
import { applyChanges } from '../../../src/image/changes.ts';
import { registryPaths, tagFile, tagOfFile } from '../../../src/server/disk/paths.ts';
import { routeOf, targetOf } from '../../../src/server/routes.ts';
import { wireAnswer } from '../../../src/server/wire.ts';
import { seedOf } from '../chance.ts';
import type { Target } from '../target.ts';

const IMAGE = {
  Repository: 'app',
  Tag: 'v1',
  Tags: ['a', 'b'],
  Labels: { x: 'y' },
  Size: 12,
  Digest: undefined,
  Odd: '\u001b[31m',
  Nested: { Deep: { Name: 'n' } },
};
const HARMFUL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

function runTemplate(input: Buffer): string {
  const source = input.toString('utf8');
  const template = compileTemplate(source);
  template.header({ Repository: 'REPOSITORY', Tag: 'TAG', Size: 'SIZE' });
  const text = template.render(IMAGE);
  if (!HARMFUL.test(source)) ok(!HARMFUL.test(text), 'a control from a value');
  if (!source.includes('{{')) same(text, source.replaceAll('\\t', '\t').replaceAll('\\n', '\n'));
  return `${source.includes('{{')} ${source.includes('|')} ${text.includes('[')}`;
}

export const template: Target = {
  name: 'template',
  limit: 2048,
  executions: 700_000,
  seeds: [
    '{{.Repository}}:{{.Tag}}',
    '{{json .}}',
    '{{.Tags | join ", " | upper}}',
    '{{index .Labels "x"}}\\t{{len .Tags}}',
    '{{- .Nested.Deep.Name -}} x {{/* no */}}',
    '{{(index .Tags 0)}}{{pad .Tag 3 1}}',
    '{{truncate .Odd 3}}{{println .Size true}}',
    '{{split `a,b` ","}}',
    'plain',
  ],
  words: [
    '{{',
    '}}',
    '{{-',
    '-}}',
    '.',
    '$',
    '|',
    '(',
    ')',
    '"',
    '`',
    '\\',
    'json ',
    'index ',
    'join ',
    'split ',
    'pad ',
    'truncate ',
    'len ',
    'print ',
    'println ',
    'title ',
    'range ',
    'end',
    '.Repository',
    '.Tags',
    '.Labels',
    '.Nested',
    '.Deep',
    '.Odd',
    '.__proto__',
    '.constructor',
    '0',
    '-1',
    '99999999999',
    'true',
    '/*',
    '*/',
    '((((',
    '|json',
  ],
  codes: ['USAGE'],
  run: runTemplate,
};

function runOptions(input: Buffer): string {
  const text = input.toString('utf8');
  if (seedOf(input) % 2 === 0) {
    const filters = parseImageFilters([text]);
    ok(filters.until === undefined || Number.isFinite(filters.until), 'a time that is none');
    return `filter ${Object.values(filters)
      .map((value) => (Array.isArray(value) ? value.length : value !== undefined))
      .join(' ')}`;
  }
  const config = applyChanges(text.split('\n'), { Env: ['A=b'], WorkingDir: '/w' });
  ok(
    config.WorkingDir === undefined || posix.normalize(config.WorkingDir) === config.WorkingDir,
    'a directory that goes up',
  );
  ok(config.Env?.every((line) => line.includes('=')) ?? true);
  ok(Object.keys(config.ExposedPorts ?? {}).every((port) => /^\d+\/(?:tcp|udp|sctp)$/.test(port)));
  same(JSON.parse(JSON.stringify(config)) instanceof Object, true);
  return `change ${Object.keys(config).toSorted().join(' ')}`;
}

export const options: Target = {
  name: 'options',
  limit: 8192,
  executions: 700_000,
  seeds: [
    'CMD ["sh","-c","x"]',
    'ENV A=b "C D"=e\nENV F all the rest',
    'EXPOSE 80 443/tcp 1000-1010/udp',
    'LABEL a=b\nUSER x:y\nVOLUME /data',
    'WORKDIR a/../b',
    'ONBUILD RUN x',
    'reference=alpine*',
    'until=24h',
    'until=2024-01-31T00:00:00Z',
    'label=a=b',
    'dangling=true',
    'before=x',
    'STOPSIGNAL 9\nENTRYPOINT x',
  ],
  words: [
    'CMD ',
    'ENTRYPOINT ',
    'ENV ',
    'EXPOSE ',
    'LABEL ',
    'ONBUILD ',
    'STOPSIGNAL ',
    'USER ',
    'VOLUME ',
    'WORKDIR ',
    '=',
    '"',
    "'",
    '\\',
    '[',
    ']',
    '\n',
    '../',
    '/',
    '-',
    '65535',
    '/sctp',
    'until=',
    'label=',
    'reference=',
    'dangling=',
    'since=',
    '1h',
    '1.5d',
    '99999999999999999999s',
    '__proto__=x',
    'constructor=',
    'CONSTRUCTOR ',
    ' ',
    '\t',
  ],
  codes: ['USAGE'],
  run: runOptions,
};

function runHosts(input: Buffer): string {
  const text = input.toString('utf8');
  const [proxy = '', host = ''] = text.split('\n', 2);
  const { hostname, port } = splitHost(host);
  ok(port === undefined || /^\d+$/.test(port));
  same(bareHost(bareHost(hostname)), bareHost(hostname));
  if (isLoopback(host)) ok(isMachineLocal(host));
  networks([host]);
  hostMatcher([host, proxy])(host);
  const key = serverKey(host);
  ok(canonicalServer(hostOfKey(key)) === canonicalServer(key) || key.includes('://'));
  spellings([host, key], host);
  ok(likelyKeys(host).includes(key));
  logoutKeys([host, proxy], host);
  const environment = proxyFromEnvironment({ HTTPS_PROXY: proxy, NO_PROXY: host });
  const url = proxyFor(new URL('https://registry.example/v2/'), environment);
  proxyFor(new URL('http://[2001:db8::1]:5000/'), { http: proxy, none: host });
  if (!url) return `direct ${port !== undefined}`;
  ok(url.protocol === 'http:' || url.protocol === 'https:');
  ok(/^(?:Basic [A-Za-z0-9+/]+=*)?$/.test(proxyAuthorization(url) ?? ''));
  return `proxy ${url.username !== ''} ${url.protocol} ${port !== undefined}`;
}

export const hosts: Target = {
  name: 'hosts',
  limit: 4096,
  executions: 300_000,
  seeds: [
    'http://proxy.example:3128\nexample.com,.local,10.0.0.0/8',
    'https://user:p%40ss@proxy\nlocalhost',
    'proxy:80\n*.example:443 registry.example',
    'socks5://x\n[::1]:5000',
    '\nhttps://index.docker.io/v1/',
    'http://p\n2001:db8::/32',
    'http://a:%ff@p\nghcr.io/org/app',
  ],
  words: [
    'http://',
    'https://',
    'socks5://',
    '@',
    ':',
    '//',
    '/',
    '.',
    ',',
    ' ',
    '*',
    '*.',
    '[',
    ']',
    '[::1]',
    '::1',
    '::ffff:127.0.0.1',
    '127.0.0.1',
    '10.0.0.0/8',
    '/33',
    '/129',
    'fe80::1%eth0',
    '%ff',
    '%',
    '%2F',
    ':5000',
    'docker.io',
    'index.docker.io',
    '\n',
    'localhost',
    'registry.example',
    '\xc3\xa9',
    'xn--',
  ],
  codes: ['CONFIG_INVALID'],
  run: runHosts,
};

const PATHS = registryPaths('/srv/registry');

function runRoutes(input: Buffer): string {
  const target = targetOf(input.toString('latin1'));
  const route = routeOf(target.path);
  if (!route) return 'none';
  const files: string[] = [];
  if ('repository' in route) files.push(PATHS.repository(route.repository), PATHS.tags(route.repository));
  if ('digest' in route)
    files.push(PATHS.content(route.digest), PATHS.blobLink('a', route.digest), PATHS.referrers('a', route.digest));
  if (route.kind === 'manifest') {
    if (route.reference.includes(':')) files.push(PATHS.manifestLink(route.repository, route.reference));
    else {
      files.push(PATHS.tag(route.repository, route.reference));
      same(tagOfFile(tagFile(route.reference)), route.reference);
    }
  }
  for (const file of files) {
    ok(file.startsWith('/srv/registry/') && posix.normalize(file) === file, 'a file outside of the registry');
    ok(!/[\0-\x20\\%]/.test(file), 'a file with a strange name');
    ok(
      file.split('/').every((part) => Buffer.byteLength(part) <= 255),
      'a name that no file can have',
    );
  }
  return `${route.kind} ${[...target.query.keys()].length > 0}`;
}

function runRequest(input: Buffer): string {
  try {
    return runRoutes(input);
  } catch (error) {
    if (!HubError.is(error)) throw error;
    const { status, body } = wireAnswer(error);
    ok(status >= 400 && status < 500, 'the fault of the client is not told as such');
    const { errors } = JSON.parse(body) as { errors: { code: string }[] };
    ok(errors.length > 0 && errors.every(({ code }) => /^[A-Z_]+$/.test(code)));
    return `${errors[0]?.code}`;
  }
}

export const route: Target = {
  name: 'route',
  limit: 8192,
  executions: 1_500_000,
  seeds: [
    '/v2/',
    '/v2/_catalog?n=10&last=a',
    '/v2/library/app/manifests/latest',
    `/v2/a/b/blobs/sha256:${'ab'.repeat(32)}`,
    '/v2/a/blobs/uploads/',
    `/v2/a/blobs/uploads/${'0f'.repeat(16)}?digest=x`,
    '/v2/a/tags/list',
    `/v2/a/referrers/sha256:${'ab'.repeat(32)}?artifactType=x`,
    'http://host/v2/a/manifests/V1',
    '/v1/search?q=x',
    '/v2/a%2Fb/manifests/x',
  ],
  words: [
    '/v2/',
    '/manifests/',
    '/blobs/',
    'uploads/',
    '/tags/list',
    '/referrers/',
    '..',
    '../',
    '%2e%2e%2f',
    '%2F',
    '%00',
    '%ff',
    '%',
    '\\',
    '//',
    '?',
    '#',
    '&',
    '=',
    ':',
    'sha256:',
    'sha512:',
    'ab'.repeat(32),
    '_catalog',
    'http://x',
    'A',
    'Z'.repeat(64),
    'manifests',
    'blobs/uploads',
    'a'.repeat(250),
    '_',
    '__',
    '-',
    '.',
  ],
  codes: [],
  run: runRequest,
};
