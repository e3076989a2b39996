import { BlockList } from 'node:net';
import { describe, expect, test } from 'vitest';
import {
  bareHost,
  hostMatcher,
  isLoopback,
  isMachineLocal,
  isPrivateAddress,
  networks,
  splitHost,
} from '../../src/http/addresses.ts';

const hostOf = (text: string): string => new URL(`http://${text}/`).hostname;

test.each([
  'localhost',
  'LOCALHOST',
  'localhost.',
  'a.b.localhost',
  '127.0.0.1',
  '127.9.9.9',
  '[::1]',
  '0x7f.1',
  '127.1',
  '[::ffff:127.0.0.1]',
])('%s is loopback', (text) => {
  expect(isLoopback(hostOf(text))).toBe(true);
  expect(isMachineLocal(hostOf(text))).toBe(true);
});

test.each([
  'localhost.example',
  'mylocalhost',
  'a.example',
  '128.0.0.1',
  '10.0.0.1',
  '[::2]',
  '169.254.1.1',
  '0.0.0.0',
])('%s is not loopback', (text) => {
  expect(isLoopback(hostOf(text))).toBe(false);
});

test.each([
  '169.254.169.254',
  '0.0.0.0',
  '[::]',
  '[fe80::1]',
  '[::ffff:169.254.169.254]',
  '[::ffff:7f00:1]',
  '[64:ff9b::169.254.169.254]',
  '[64:ff9b::7f00:1]',
  '[64:ff9b::]',
  '[::127.0.0.1]',
  '2852039166',
  '0xa9fea9fe',
  '0x7f.1',
  '127.1',
  '017700000001',
  '127.0.0.1.',
  'localhost.',
])('%s belongs to this machine or its link', (text) => {
  expect(isMachineLocal(hostOf(text))).toBe(true);
});

test('an address of a name service is read as it is written there', () => {
  expect(isMachineLocal('64:ff9b::127.0.0.1')).toBe(true);
  expect(isPrivateAddress('64:ff9b::10.0.0.1')).toBe(true);
  expect(isPrivateAddress('64:ff9b::8.8.8.8')).toBe(false);
});

test('an address with a zone is compared without it', () => {
  expect(isMachineLocal('fe80::1%eth0')).toBe(true);
  expect(bareHost('[FE80::1%eth0]')).toBe('fe80::1');
});

test.each([
  ['10.1.2.3', true],
  ['172.16.0.1', true],
  ['172.32.0.1', false],
  ['192.168.1.1', true],
  ['100.64.0.1', true],
  ['[fd00::1]', true],
  ['[fec0::1]', true],
  ['[ff02::1]', true],
  ['[::ffff:192.168.0.1]', true],
  ['[64:ff9b::a00:1]', true],
  ['[64:ff9b::808:808]', false],
  ['[2606:4700::1111]', false],
  ['198.18.0.1', true],
  ['198.20.0.1', false],
  ['224.0.0.1', true],
  ['255.255.255.255', true],
  ['8.8.8.8', false],
  ['a.example', false],
])('%s is private: %s', (text, expected) => {
  expect(isPrivateAddress(hostOf(text))).toBe(expected);
});

describe('addresses at the edges of networks', () => {
  const EDGES = ['0.0.0.0', '10.0.0.0', '100.64.0.0', '127.0.0.0', '169.254.0.0', '172.16.0.0', '192.0.0.0'];
  const MORE = ['192.168.0.0', '198.18.0.0', '224.0.0.0', '240.0.0.0', '128.0.0.0', '172.32.0.0', '198.20.0.0'];
  const OTHERS = ['0.255.255.255', '11.0.0.0', '100.127.255.255', '100.128.0.0', '169.255.0.0', '192.0.1.0'];
  const written = (value: number): string => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
  const numbers = [...EDGES, ...MORE, ...OTHERS, '192.169.0.0', '255.255.255.255'].flatMap((address) => {
    const value = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
    return [value - 1, value, value + 1];
  });
  const addresses = numbers.map((value) => written(value >>> 0));

  test.each([
    { name: 'loopback', is: isLoopback, among: ['127.0.0.0/8'] },
    { name: 'of this machine', is: isMachineLocal, among: ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16'] },
    {
      name: 'private',
      is: isPrivateAddress,
      among:
        '10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10 192.0.0.0/24 198.18.0.0/15 224.0.0.0/4 240.0.0.0/4'.split(
          ' ',
        ),
    },
  ])('are $name as a block list of Node.js says, also mapped into IPv6', ({ is, among }) => {
    const list = new BlockList();
    for (const network of among)
      list.addSubnet(network.replace(/\/.*/, ''), Number(network.replace(/.*\//, '')), 'ipv4');
    for (const address of addresses) {
      expect(is(address), address).toBe(list.check(address, 'ipv4'));
      expect(is(`::ffff:${address}`), `::ffff:${address}`).toBe(list.check(address, 'ipv4'));
    }
  });
});

test.each([
  ['a.example', 'a.example', undefined],
  ['a.example:5000', 'a.example', '5000'],
  ['[::1]:5000', '::1', '5000'],
  ['[::1]', '::1', undefined],
  ['::1', '::1', undefined],
  ['127.0.0.1:1', '127.0.0.1', '1'],
])('%s is host %s and port %s', (text, hostname, port) => {
  expect(splitHost(text)).toEqual({ hostname, port });
});

test.each(['10.0.0.0', '10.0.0.0/', '10.0.0.0/33', 'a.example/8', '::/129', '10.0.0.0/x', '/8'])(
  '%s is no network',
  (text) => {
    expect(networks([text])).toBeUndefined();
  },
);

describe('a list of hosts', () => {
  const matches = hostMatcher(['vm', 'reg.lan:5000', '10.0.0.0/8', 'fd00::/8', 'nonsense/8', '[::5]:1']);
  test.each([
    ['vm', true],
    ['VM', true],
    ['vm:443', true],
    ['vm:5000', false],
    ['reg.lan:5000', true],
    ['reg.lan', false],
    ['sub.vm', false],
    ['10.20.30.40:5000', true],
    ['11.0.0.1', false],
    ['[fd00::1]:5000', true],
    ['[::5]:1', true],
    ['10.example', false],
  ])('has %s: %s', (host, expected) => {
    expect(matches(host)).toBe(expected);
  });
});
