import { describe, expect, test } from 'vitest';
import { commandLine, quoted, sizeText } from '../../../scripts/demo/screen.js';
import { execute } from '../../helpers/hubctl.ts';

describe('a command on the screen', () => {
  test('stays on one line when it fits', () => {
    expect(commandLine(['hubctl', 'push', 'localhost:5000/a:1'])).toBe('hubctl push localhost:5000/a:1');
  });

  test('has options on the line of their values', () => {
    const words = ['hubctl', 'import', 'x'.repeat(50), '--change', 'CMD ["version"]', '--layer', 'y'];
    expect(commandLine(words)).toBe(`hubctl import ${'x'.repeat(50)} \\\n    --change 'CMD ["version"]' --layer y`);
  });

  test('can be pasted into a shell', async () => {
    const words = ['a b', "it's", '$HOME', '', '*', '--flag', 'x'.repeat(70), '--other', 'y'.repeat(70)];
    const { stdout } = await execute('sh', ['-c', commandLine(['printf', String.raw`%s\n`, ...words])]);
    expect(stdout.split('\n').slice(0, -1)).toEqual(words);
  });

  test('shows where its input comes from', () => {
    expect(commandLine(['hubctl', 'login'], '< password')).toBe('hubctl login < password');
  });

  test('quotes only what a shell would read in another way', () => {
    expect([quoted('demo/app:1'), quoted('{{.Digest}}'), quoted('')]).toEqual(['demo/app:1', "'{{.Digest}}'", "''"]);
  });
});

describe('a size', () => {
  test.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [39_632_384, '39.6 MB'],
    [5_000_000_000_000, '5000.0 GB'],
  ])('of %i bytes', (bytes, text) => {
    expect(sizeText(bytes)).toBe(text);
  });
});
