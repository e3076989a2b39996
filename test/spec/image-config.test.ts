import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HubError } from '../../src/errors.ts';
import { parseImageConfig, type ImageConfig } from '../../src/spec/image-config.ts';

const A = `sha256:${'a'.repeat(64)}`;
const B = `sha256:${'b'.repeat(64)}`;

function parse(value: unknown): ImageConfig {
  return parseImageConfig(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)));
}

describe('parseImageConfig', () => {
  test('reads what the specification names', () => {
    const config = parse({
      architecture: 'arm64',
      os: 'linux',
      variant: 'v8',
      created: '2024-01-02T03:04:05Z',
      author: 'someone',
      config: {
        User: 'app',
        ExposedPorts: { '80/tcp': {} },
        Env: ['A=b'],
        Entrypoint: ['/bin/sh'],
        Cmd: ['-c', 'x'],
        Volumes: { '/data': {} },
        WorkingDir: '/srv',
        Labels: { a: 'b' },
        StopSignal: 'SIGTERM',
        Healthcheck: { Test: ['CMD', 'true'], Interval: 5, Retries: 3 },
        Unknown: 1,
      },
      rootfs: { type: 'layers', diff_ids: [A, B] },
      history: [
        { created: 'x', created_by: 'ADD', comment: 'c', author: 'a' },
        { created_by: 'ENV', empty_layer: true },
      ],
    });
    expect(config).toEqual({
      platform: { os: 'linux', architecture: 'arm64', variant: 'v8' },
      created: '2024-01-02T03:04:05Z',
      author: 'someone',
      diffIds: [A, B],
      history: [
        { created: 'x', createdBy: 'ADD', comment: 'c', author: 'a', emptyLayer: false },
        { createdBy: 'ENV', emptyLayer: true },
      ],
      config: {
        User: 'app',
        ExposedPorts: { '80/tcp': {} },
        Env: ['A=b'],
        Entrypoint: ['/bin/sh'],
        Cmd: ['-c', 'x'],
        Volumes: { '/data': {} },
        WorkingDir: '/srv',
        Labels: { a: 'b' },
        StopSignal: 'SIGTERM',
        Healthcheck: { Test: ['CMD', 'true'], Interval: 5, Retries: 3 },
      },
    });
  });

  test('takes null and odd optional fields as missing', () => {
    const config = parse({
      architecture: 'amd64',
      os: 'linux',
      created: null,
      author: 1,
      config: { Env: null, Labels: null, Volumes: null, ExposedPorts: [], Cmd: 'echo', Entrypoint: [], User: '' },
      rootfs: { diff_ids: null },
      history: [null, { empty_layer: 'yes' }],
    });
    expect(config).toEqual({
      platform: { os: 'linux', architecture: 'amd64' },
      diffIds: [],
      history: [{ emptyLayer: false }, { emptyLayer: false }],
      config: { Cmd: ['echo'], Entrypoint: [] },
    });
  });

  test.each([[{}], [{ config: null, rootfs: null, history: null }], [{ config: [], rootfs: [], history: {}, os: 3 }]])(
    'finds nothing in %j',
    (value) => {
      const nothing = { platform: { os: 'unknown', architecture: 'unknown' }, diffIds: [], history: [], config: {} };
      expect(parse(value)).toEqual(nothing);
    },
  );

  test('takes a number that is too large for one as missing', () => {
    expect(parseImageConfig(Buffer.from('{"config":{"StopTimeout":1e400}}')).config.StopTimeout).toBeUndefined();
  });

  test('keeps version and features of the operating system', () => {
    const value = { os: 'windows', architecture: 'amd64', 'os.version': '10.0.1', 'os.features': ['win32k'] };
    expect(parse(value).platform).toEqual({
      os: 'windows',
      architecture: 'amd64',
      osVersion: '10.0.1',
      osFeatures: ['win32k'],
    });
  });

  test.each([
    ['[]', 'image config is not a JSON object'],
    ['', 'image config is not valid JSON'],
    [{ rootfs: { diff_ids: {} } }, 'image config has diff_ids that are no list'],
    [{ rootfs: { diff_ids: [A, 'sha256:../x'] } }, 'image config has no valid digest in diff_ids[1]'],
  ])('refuses %j', (value, message) => {
    expect(() => parse(value)).toThrow(
      expect.objectContaining({ code: 'CONTENT_INVALID', message: expect.stringContaining(message) as string }),
    );
  });

  test('refuses more than 4 MiB', () => {
    expect(() => parse('{}'.padEnd(4 * 1024 * 1024 + 1))).toThrow('image config is larger than 4194304 bytes');
  });

  test('throws nothing but CONTENT_INVALID for any JSON', () => {
    const field = fc.constantFrom('os', 'architecture', 'config', 'rootfs', 'history', 'created', '__proto__');
    const nearly = fc.dictionary(field, fc.jsonValue());
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), nearly), (value) => {
        try {
          parse(JSON.stringify(value));
        } catch (error) {
          expect(HubError.is(error, 'CONTENT_INVALID')).toBe(true);
        }
      }),
    );
  });
});
