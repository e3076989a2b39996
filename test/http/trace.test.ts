import { expect, test } from 'vitest';
import { HubError } from '../../src/errors.ts';
import { trace } from '../../src/http/trace.ts';
import { contentOf } from '../../src/util/content.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { FakeClock, answer } from '../helpers/web.ts';

const url = new URL('https://user:canary@reg.example/v2/a/blobs/uploads/1?_state=canary&digest=sha256:1');
const headers = { authorization: 'Bearer canary', cookie: 'canary', 'content-type': 'application/octet-stream' };
const body = { length: 5, open: async () => contentOf(Buffer.from('canary')) };

test('a request and its answer are one line each, without secrets', async () => {
  const clock = new FakeClock();
  const lines: string[] = [];
  const send = trace(
    (line) => lines.push(line),
    clock,
  )(async () => {
    clock.time += 42;
    return answer('https://cdn.example/x?sig=canary', {
      status: 201,
      headers: { location: '/v2/x?_state=canary', 'set-cookie': 'canary', server: 'a\u001b[31m\nb' },
    });
  });
  await send({ method: 'PUT', url, headers, body });
  expect(lines).toEqual([
    '--> PUT https://reg.example/v2/a/blobs/uploads/1?digest=sha256:1&[hidden] | content-type: application/octet-stream | content-length: 5 | authorization: [hidden]',
    '<-- 201 PUT https://cdn.example/x?[hidden] (42 ms) | location: /v2/x?[hidden] | server: a\\u{1b}[31m\\nb',
  ]);
});

test('a failure is a line as well, and goes on', async () => {
  const clock = new FakeClock();
  const lines: string[] = [];
  const failure = new HubError('UNREACHABLE', 'cannot connect');
  const send = trace((line) => lines.push(line), clock)(() => Promise.reject(failure));
  expect(await hubErrorFrom(() => send({ method: 'GET', url: new URL('https://reg.example/') }))).toBe(failure);
  expect(lines).toEqual([
    '--> GET https://reg.example/',
    '<-- GET https://reg.example/ failed after 0 ms: UNREACHABLE cannot connect',
  ]);
});
