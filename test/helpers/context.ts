// The context of a command, made as the command line makes it, on a terminal that keeps what is written.
import { onTestFinished } from 'vitest';
import type { Context } from '../../src/cli/context.ts';
import { createContext } from '../../src/cli/create-context.ts';
import type { GlobalFlags } from '../../src/cli/globals.ts';
import { folder } from './folder.ts';
import { fakeIo, type FakeIo, type FakeIoOptions } from './terminal.ts';

export interface NewContextOptions extends FakeIoOptions {
  readonly flags?: Partial<GlobalFlags>;
}

export interface NewContext {
  readonly context: Context;
  readonly io: FakeIo;
}

const NO_FLAGS: GlobalFlags = { json: false, quiet: false, progress: 'auto', debug: false, insecure: [] };

/** Closed after the test. Without `home` it has an empty one of its own. */
export function newContext({ flags, ...options }: NewContextOptions = {}): NewContext {
  const io = fakeIo({ ...options, home: options.home ?? folder() });
  const context = createContext(io, { ...NO_FLAGS, ...flags });
  onTestFinished(() => context.close());
  return { context, io };
}
