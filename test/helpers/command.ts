// Runs one command with a hand-made context: real requests to servers on this machine, and a store in memory.
import type { CommandSpec } from '../../src/cli/command.ts';
import type { Context } from '../../src/cli/context.ts';
import { createOutput } from '../../src/cli/output/create.ts';
import { report } from '../../src/cli/report.ts';
import { MemoryEndpoint } from '../../src/endpoints/memory.ts';
import { createRegistryClient } from '../../src/endpoints/registry/client.ts';
import { HubError } from '../../src/errors.ts';
import { createHttp } from '../../src/http/client.ts';
import type { Descriptor } from '../../src/spec/descriptor.ts';
import { parseReference, formatReference, withDefaultTag } from '../../src/spec/reference.ts';
import { fakeIo } from './terminal.ts';

/** What a command needs of the store, in memory. Names are canonical. */
export class FakeStore extends MemoryEndpoint {
  readonly #images: { readonly name: string | undefined; readonly descriptor: Descriptor }[] = [];

  constructor() {
    super('the local store');
  }

  keep(name: string | undefined, descriptor: Descriptor): void {
    this.#images.push({ name, descriptor });
  }

  async images(): Promise<readonly { readonly name: string | undefined; readonly descriptor: Descriptor }[]> {
    return this.#images;
  }

  async find(text: string): Promise<{ readonly name: string | undefined; readonly descriptor: Descriptor }> {
    const byDigest = this.#images.find(({ descriptor }) => descriptor.digest === text);
    if (byDigest) return byDigest;
    const name = text.startsWith('sha256:') ? undefined : formatReference(withDefaultTag(parseReference(text)));
    const found = name === undefined ? undefined : this.#images.find((image) => image.name === name);
    if (found) return found;
    throw new HubError('NOT_FOUND', `no such image: ${text}`);
  }
}

export interface CommandOptions {
  readonly flags?: Readonly<Record<string, unknown>>;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly format?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly tty?: boolean;
  readonly store?: FakeStore;
  /** Account of every registry. */
  readonly login?: { readonly username: string; readonly password: string };
}

export interface CommandResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly bytes: Buffer;
}

const NO_VALUE = { boolean: false, string: undefined, number: undefined, strings: [] } as const;

/** Runs a command; registries are spoken to in plain http, and nothing is tried twice. */
export async function runCommand(
  command: CommandSpec,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const { env = {}, tty = false, json = false, quiet = false, format } = options;
  const io = fakeIo({ env, tty });
  const http = createHttp({ userAgent: 'hubctl/test', insecure: () => true, tries: 1 });
  const find = async (): Promise<unknown> =>
    options.login && { credential: { kind: 'basic', ...options.login }, source: 'the test' };
  const context = {
    io,
    signal: io.signal,
    settings: { storeDir: '/nowhere', concurrency: 2, debug: false, authfile: undefined },
    output: createOutput({ io, json, quiet, format, progress: 'none' }),
    store: async () => options.store ?? new FakeStore(),
    registries: async () =>
      createRegistryClient({
        send: http.send,
        originOf: async (host) => new URL(`http://${host}/`),
        close: () => http.close(),
      }),
    credentials: async () => ({ find }),
    close: async () => http.close(),
  } as unknown as Context;
  const unset = Object.entries(command.flags).map(([name, { kind }]) => [name, NO_VALUE[kind]]);
  try {
    const status = (await command.run(context, args, { ...Object.fromEntries(unset), ...options.flags })) ?? 0;
    return { status, stdout: io.stdout.text, stderr: io.stderr.text, bytes: io.stdout.bytes };
  } catch (error) {
    const status = report(error, io, { debug: false, json });
    return { status, stdout: io.stdout.text, stderr: io.stderr.text, bytes: io.stdout.bytes };
  } finally {
    await context.close();
  }
}
