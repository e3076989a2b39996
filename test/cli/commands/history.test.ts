import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { command } from '../../../src/cli/commands/history.ts';
import { FakeStore, runCommand } from '../../helpers/command.ts';
import { startRegistry, type Registry } from '../../helpers/registry.ts';
import { fillMemory, fillRegistry, sampleImage } from '../../helpers/sample-image.ts';

const image = sampleImage({
  layers: ['one'],
  history: [
    { created: '1970-01-01T00:00:00Z', created_by: '/bin/sh -c #(nop) ADD file:0123456789abcdef in / ', comment: 'x' },
    { created: '1970-01-01T00:00:01Z', created_by: 'RUN\ta &&\n  b', empty_layer: true },
  ],
});
const id = image.config.descriptor.digest;
const size = image.layers[0]?.descriptor.size ?? 0;
let registry: Registry;
let name: string;

beforeEach(async () => {
  registry = await startRegistry();
  name = `${registry.host}/team/app:1`;
  fillRegistry(registry.contents, ['team/app', '1'], image);
});

afterEach(() => registry.stop());

describe('history', () => {
  test('prints the table of docker for a remote image, without reading layers', async () => {
    const { stdout } = await runCommand(command, [name]);
    expect(stdout.split('\n')).toEqual([
      'IMAGE          CREATED   CREATED BY                                      SIZE      COMMENT',
      `${id.slice(7, 19)}   N/A       RUN a && b                                      0B        `,
      `<missing>      N/A       /bin/sh -c #(nop) ADD file:0123456789abcdef …   ${`${size}B`.padEnd(10)}x`,
      '',
    ]);
    expect(registry.requests({ path: '/blobs/' })).toHaveLength(1);
  });

  test('shows bytes and dates with --human=false, and all of it with --no-trunc', async () => {
    const { stdout } = await runCommand(command, [name], { flags: { human: 'false', 'no-trunc': true } });
    const [header, first, second] = stdout.split('\n');
    expect(header).toMatch(/^IMAGE +CREATED AT +CREATED BY +SIZE +COMMENT$/);
    expect(first).toMatch(new RegExp(`^${id} +1970-01-01T00:00:01Z +RUN a && b +0 +$`));
    expect(second).toContain('ADD file:0123456789abcdef in / ');
    expect(second).toMatch(new RegExp(` ${size} +x$`));
  });

  test('prints IDs only with --quiet', async () => {
    const { stdout } = await runCommand(command, [name], { quiet: true, flags: { 'no-trunc': true } });
    expect(stdout).toBe(`${id}\n<missing>\n`);
  });

  test('prints objects with --json', async () => {
    const { stdout } = await runCommand(command, [name], { json: true });
    expect(JSON.parse(stdout)).toEqual([
      { id, created: '1970-01-01T00:00:01Z', createdBy: 'RUN\ta &&\n  b', comment: '', size: 0 },
      {
        id: '<missing>',
        created: '1970-01-01T00:00:00Z',
        createdBy: '/bin/sh -c #(nop) ADD file:0123456789abcdef in / ',
        comment: 'x',
        size,
        layer: image.layers[0]?.descriptor.digest,
      },
    ]);
  });

  test('fills the keys of docker', async () => {
    const { stdout } = await runCommand(command, [name], {
      format: '{{.ID}} {{.CreatedAt}} {{.CreatedSince}} {{.Size}}',
    });
    expect(stdout.split('\n')[0]).toBe(`${id.slice(7, 19)} 1970-01-01T00:00:01Z N/A 0B`);
  });

  test('reads a local image without a request', async () => {
    const store = new FakeStore();
    store.keep(name, fillMemory(store, 'x', image));
    expect((await runCommand(command, [name], { store, quiet: true })).status).toBe(0);
    expect(registry.log).toEqual([]);
  });

  test('ends with 3 for an image that is nowhere', async () => {
    expect((await runCommand(command, [`${name}x`])).status).toBe(3);
  });
});
