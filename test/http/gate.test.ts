import { expect, test } from 'vitest';
import { HubError } from '../../src/errors.ts';
import { createGate } from '../../src/http/gate.ts';
import type { HttpRequest } from '../../src/http/layer.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { FakeClock, answer } from '../helpers/web.ts';

const REQUEST: HttpRequest = { method: 'GET', url: new URL('https://reg.example:5000/v2/') };

test('an open gate lets requests through at once', async () => {
  const clock = new FakeClock();
  const { layer } = createGate(clock);
  await layer(async ({ url }) => answer(url))(REQUEST);
  expect(clock.sleeps).toEqual([]);
});

test('a closed gate opens when its time has come, the latest if there are several', async () => {
  const clock = new FakeClock();
  const gate = createGate(clock);
  gate.close('reg.example:5000', clock.time + 5000);
  gate.close('reg.example:5000', clock.time + 3000);
  gate.close('reg.example', clock.time + 9000);
  const send = gate.layer(async ({ url }) => answer(url));
  await send(REQUEST);
  await send(REQUEST);
  expect(clock.sleeps).toEqual([5000]);
});

test('a gate that is closed again while one waits keeps one waiting', async () => {
  const clock = new FakeClock();
  const gate = createGate(clock);
  const { host } = REQUEST.url;
  gate.close(host, clock.time + 1000);
  const sleep = clock.sleep.bind(clock);
  clock.sleep = async (milliseconds, signal) => {
    if (clock.sleeps.length === 0) gate.close(host, clock.time + 4000);
    await sleep(milliseconds, signal);
  };
  await gate.layer(async ({ url }) => answer(url))(REQUEST);
  expect(clock.sleeps).toEqual([1000, 3000]);
});

test('who waits at a gate can be interrupted', async () => {
  const clock = new FakeClock();
  const gate = createGate(clock);
  gate.close(REQUEST.url.host, clock.time + 1000);
  const reason = new HubError('ABORTED', 'stop');
  const send = gate.layer(async ({ url }) => answer(url));
  expect(await hubErrorFrom(() => send({ ...REQUEST, signal: AbortSignal.abort(reason) }))).toBe(reason);
});
