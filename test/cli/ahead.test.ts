import { expect, test } from 'vitest';
import { hostAhead } from '../../src/cli/ahead.ts';
import { Home } from '../helpers/credentials.ts';

function hostOf(line: string, env: Readonly<Record<string, string>> = {}): string | undefined {
  return hostAhead(line.split(' '), { env, home: '/nowhere' });
}

test.each([
  ['pull localhost:5000/app', 'localhost:5000'],
  ['pull localhost/app', 'localhost'],
  ['pull reg.example/team/app:1', 'reg.example'],
  ['push 127.0.0.1:5000/app:1', '127.0.0.1:5000'],
  ['digest -q reg.example:8443/app@sha256:0', 'reg.example:8443'],
  ['pull --store /some.where/store localhost:5000/app', 'localhost:5000'],
  ['pull --platform=linux/amd64 localhost:5000/app', 'localhost:5000'],
  ['copy reg.example/app other.example/app', 'reg.example'],
])('%s will connect to %s', (line, host) => {
  expect(hostOf(line)).toBe(host);
});

test.each([
  ['of another command', 'tag localhost:5000/app b'],
  ['without a host', 'pull team/app:1'],
  ['of a name alone', 'pull app:1'],
  ['of Docker Hub, which is elsewhere', 'pull docker.io/library/app'],
  ['of an archive', 'copy docker-archive:/a.b/c.tar localhost:5000/app'],
  ['of a path', 'copy ./a.b/c localhost:5000/app'],
  ['of nothing', 'pull'],
  ['with flags that lead elsewhere', 'pull --insecure reg.example localhost:5000/app'],
  ['with a flag that nobody knows', 'pull --unknown localhost:5000/app'],
  ['that asks for help', 'pull --help localhost:5000/app'],
  ['with a configuration elsewhere', 'pull --config=/other localhost:5000/app'],
])('nothing can be told %s: %s', (_, line) => {
  expect(hostOf(line)).toBeUndefined();
});

test.each(['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy'])('nothing can be told where %s is set', (name) => {
  expect(hostOf('pull reg.example/app', { [name]: 'http://proxy:3128' })).toBeUndefined();
  expect(hostOf('pull reg.example/app', { [name]: '' })).toBe('reg.example');
});

test.each([
  ['names a proxy', '{"proxies":{"default":{"httpsProxy":"http://proxy:3128"}}}', undefined],
  ['cannot be read', '{', undefined],
  ['is no object', 'null', undefined],
  ['names none', '{"auths":{}}', 'reg.example'],
])("where docker's configuration %s", async (_, text, host) => {
  await using home = await Home.create();
  await home.write('.docker/config.json', text);
  expect(hostAhead(['pull', 'reg.example/app'], { env: {}, home: home.path })).toBe(host);
  await home.write('other/config.json', text);
  expect(hostAhead(['pull', 'reg.example/app'], { env: { DOCKER_CONFIG: home.at('other') }, home: '/' })).toBe(host);
});
