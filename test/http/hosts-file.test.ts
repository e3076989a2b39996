import { expect, test } from 'vitest';
import { localAddresses } from '../../src/http/hosts-file.ts';

const addresses = (text: string): readonly string[] | undefined =>
  localAddresses('localhost', () => text)?.map(({ address, family }) => `${address} ${family}`);

test.each([
  ['both families, IPv4 first', '::1 localhost ip6-localhost\n127.0.0.1\tlocalhost\n', ['127.0.0.1 4', '::1 6']],
  ['one of many names, in any case', '127.0.0.1 vm LocalHost # mine\r\n', ['127.0.0.1 4']],
  ['another address of this machine', '127.0.1.1 localhost', ['127.0.1.1 4']],
  ['an address once', '127.0.0.1 localhost\n127.0.0.1 localhost', ['127.0.0.1 4']],
  ['nothing for a comment', '# 127.0.0.1 localhost\n127.0.0.1 #localhost', undefined],
  ['nothing for names that only look like it', '127.0.0.1 localhost.example xlocalhost', undefined],
  ['nothing for what is no address', '127.0.0.999 localhost\n127.1 localhost\nlocalhost', undefined],
  ['nothing for an empty file', '', undefined],
])('the file of hosts gives %s', (_, text, expected) => {
  expect(addresses(text)).toEqual(expected);
});

test('an address that is not of this machine does not become localhost', () => {
  expect(addresses('192.0.2.1 localhost\n127.0.0.1 localhost')).toEqual(['127.0.0.1 4']);
  expect(addresses('192.0.2.1 localhost')).toBeUndefined();
});

test('other names are left to the name service, and the file is not read for them', () => {
  const read = (): string => {
    throw new Error('it was read');
  };
  expect(localAddresses('registry.example', read)).toBeUndefined();
  expect(localAddresses('app.localhost', read)).toBeUndefined();
});
