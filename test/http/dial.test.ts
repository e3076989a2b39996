import type { Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { HubError } from '../../src/errors.ts';
import { dial, type Address, type DialOptions } from '../../src/http/dial.ts';
import { blackHole } from '../helpers/black-hole.ts';
import { hubErrorFrom } from '../helpers/errors.ts';
import { closedPort, serveRaw, type WebServer } from '../helpers/web.ts';

const IPV4: Address = { address: '127.0.0.1', family: 4 };
const IPV6: Address = { address: '::1', family: 6 };

function options(addresses: readonly Address[], more: Partial<DialOptions> = {}): DialOptions {
  return { place: 'name.example', timeout: 2000, lookup: async () => addresses, ...more };
}

async function dialed(port: number, dialOptions: DialOptions, hostname = 'name.example'): Promise<Socket> {
  const socket = await dial(hostname, port, dialOptions);
  onTestFinished(() => void socket.destroy());
  return socket;
}

const listen = async (): Promise<WebServer> => serveRaw(() => undefined);

describe('a connection', () => {
  test('goes to an address without looking it up', async () => {
    const { port } = await listen();
    const lookup = (): Promise<never> => Promise.reject(new HubError('FAILED', 'looked up'));
    for (const host of ['127.0.0.1', '127.0.0.1.']) {
      expect((await dialed(port, options([], { lookup }), host)).remoteAddress).toBe('127.0.0.1');
    }
  });

  test('goes to localhost on whichever family listens', async () => {
    const { port } = await listen();
    const { lookup: _, ...system } = options([]);
    expect((await dialed(port, system, 'localhost')).remoteAddress).toBe('127.0.0.1');
  });

  test('passes over addresses that refuse', async () => {
    const { port } = await listen();
    expect((await dialed(port, options([IPV6, { address: '127.0.0.2', family: 4 }, IPV4]))).remoteAddress).toBe(
      '127.0.0.1',
    );
  });

  test('does not wait for an address that does not answer', async () => {
    const port = await blackHole();
    const server = await serveRaw(() => undefined, '127.0.0.2', port);
    const second = { address: '127.0.0.2', family: 4 };
    const socket = await dialed(server.port, options([IPV4, second], { timeout: 60_000 }));
    expect(socket.remoteAddress).toBe('127.0.0.2');
  });

  test('is made once', async () => {
    const server = await listen();
    await dialed(server.port, options([IPV4, IPV4, IPV4]));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(server.connections).toBe(1);
  });
});

describe('a failure', () => {
  test('by refusal tells so, even when another family is not there at all', async () => {
    const port = await closedPort();
    const error = await hubErrorFrom(() =>
      dial('name.example', port, options([{ address: '2001:db8::1', family: 6 }, IPV4], { timeout: 300 })),
    );
    expect(error).toMatchObject({
      code: 'UNREACHABLE',
      details: { reason: 'refused', sent: false, host: 'name.example' },
    });
  });

  test('by silence ends after the time for an address', async () => {
    const port = await blackHole();
    const error = await hubErrorFrom(() => dial('name.example', port, options([IPV4], { timeout: 100 })));
    expect(error).toMatchObject({
      code: 'TIMEOUT',
      message: 'cannot connect to name.example within 0.1 s',
      details: { reason: 'connect-timeout', sent: false },
    });
  });

  test('to find the name is told', async () => {
    const lookup = (): Promise<never> => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' }));
    const error = await hubErrorFrom(() => dial('name.example', 1, options([], { lookup })));
    expect(error).toMatchObject({
      code: 'UNREACHABLE',
      message: 'no such host name.example',
      details: { sent: false },
    });
    expect((await hubErrorFrom(() => dial('name.example', 1, options([])))).message).toBe('no such host name.example');
  });

  test('to find the name in time is told', async () => {
    const lookup = (): Promise<never> => new Promise(() => undefined);
    const error = await hubErrorFrom(() => dial('name.example', 1, options([], { lookup, timeout: 50 })));
    expect(error).toMatchObject({ code: 'TIMEOUT', message: 'cannot connect to name.example within 0.1 s' });
  });
});

describe('a forbidden address', () => {
  const isForbidden = (address: string): boolean => address === '127.0.0.1';

  test('is not connected to, wherever it stands in the list', async () => {
    const server = await listen();
    for (const addresses of [[IPV4], [IPV6, IPV4]]) {
      const error = await hubErrorFrom(() => dial('name.example', server.port, options(addresses, { isForbidden })));
      expect(error).toMatchObject({ code: 'REFUSED', details: { host: 'name.example', address: '127.0.0.1' } });
      expect(error.message).toContain('name.example (127.0.0.1)');
    }
    await hubErrorFrom(() => dial('127.0.0.1', server.port, options([], { isForbidden })));
    expect(server.connections).toBe(0);
  });

  test('is looked for in the answer that is used: the name is not looked up again', async () => {
    const server = await listen();
    let lookups = 0;
    const lookup = async (): Promise<Address[]> => {
      lookups += 1;
      return [IPV4];
    };
    await dialed(server.port, options([], { lookup, isForbidden: () => false }));
    expect(lookups).toBe(1);
  });
});

describe('a signal', () => {
  const reason = new HubError('ABORTED', 'stop');

  test('ends the wait', async () => {
    const port = await blackHole();
    const controller = new AbortController();
    const waiting = dial('name.example', port, options([IPV4], { signal: controller.signal, timeout: 60_000 }));
    setImmediate(() => controller.abort(reason));
    expect(await hubErrorFrom(() => waiting)).toBe(reason);
  });

  test('that was aborted before opens nothing', async () => {
    const server = await listen();
    const signal = AbortSignal.abort(reason);
    expect(await hubErrorFrom(() => dial('127.0.0.1', server.port, options([], { signal })))).toBe(reason);
    expect(server.connections).toBe(0);
  });
});
