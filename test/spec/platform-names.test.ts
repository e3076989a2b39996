import { describe, expect, test } from 'vitest';
import {
  acceptedProcessors,
  isKnownArchitecture,
  isKnownOs,
  normalArchitecture,
  normalOs,
  nodeArchitecture,
} from '../../src/spec/platform-names.ts';

describe('the names of processors and systems', () => {
  test.each([
    ['x86_64', undefined, 'amd64', undefined],
    ['amd64', 'V1', 'amd64', undefined],
    ['i386', 'x', '386', undefined],
    ['AArch64', '8', 'arm64', undefined],
    ['arm64', '9', 'arm64', 'v9'],
    ['arm64', 'v8.2', 'arm64', 'v8.2'],
    ['arm', '', 'arm', 'v7'],
    ['arm', '6', 'arm', 'v6'],
    ['armhf', undefined, 'arm', 'v7'],
    ['armel', undefined, 'arm', 'v6'],
    ['Foo', 'Bar', 'foo', 'bar'],
    ['constructor', undefined, 'constructor', undefined],
  ])('%s with variant %s is %s with %s', (architecture, variant, expected, expectedVariant) => {
    expect(normalArchitecture(architecture, variant)).toEqual({
      architecture: expected,
      ...(expectedVariant !== undefined && { variant: expectedVariant }),
    });
  });

  test('macOS is darwin', () => {
    expect([normalOs('MacOS'), normalOs('Linux')]).toEqual(['darwin', 'linux']);
  });

  test('an unknown name of Node.js stays as it is', () => {
    expect([nodeArchitecture('x64'), nodeArchitecture('riscv64')]).toEqual(['amd64', 'riscv64']);
  });

  test('knows the systems and architectures of Go', () => {
    expect([
      isKnownOs('linux'),
      isKnownOs('amd64'),
      isKnownArchitecture('loong64'),
      isKnownArchitecture('linux'),
    ]).toEqual([true, false, true, false]);
  });

  test('a processor runs its own programs first', () => {
    expect(acceptedProcessors({ architecture: 'amd64', variant: 'v2' })).toEqual(['amd64/v2', 'amd64/', '386/']);
    expect(acceptedProcessors({ architecture: 'riscv64' })).toEqual(['riscv64/']);
  });
});
