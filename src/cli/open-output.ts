// Where does a pull write to: the local store, or a layout or archive named with --output?
import { HubError } from '../errors.ts';
import { openEndpoint } from '../endpoints/open.ts';
import type { Store } from '../endpoints/store/store.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { formatReference, type Reference } from '../spec/reference.ts';
import type { ReadableSink } from '../transfer/options.ts';
import type { Context } from './context.ts';

export interface OutputTarget {
  readonly sink: ReadableSink;
  /** What the sink has under this name now. */
  known(name: string): Promise<Descriptor | undefined>;
  /** The name at the sink where it is not the canonical one. */
  nameFor(reference: Reference): string | undefined;
  /** The local store, when that is the target. */
  readonly store: Store | undefined;
  /** A line of result: on stdout, unless the archive goes there. */
  line(text: string): void;
  commit(): Promise<void>;
  close(): Promise<void>;
}

/** Throws USAGE for a target that is not understood. */
export async function openOutput(context: Context, text: string | undefined): Promise<OutputTarget> {
  return text === undefined ? storeTarget(context) : endpointTarget(context, text);
}

async function storeTarget(context: Context): Promise<OutputTarget> {
  const store = await context.store();
  return {
    sink: store,
    store,
    known: async (name) => (await store.images()).find((image) => image.name === name)?.descriptor,
    nameFor: () => undefined,
    line: (line) => context.output.line(line),
    commit: async () => undefined,
    close: async () => undefined,
  };
}

async function endpointTarget(context: Context, text: string): Promise<OutputTarget> {
  const target = text === '-' ? 'docker-archive:-' : text;
  if (!/^(?:oci|docker-archive|oci-archive):/.test(target)) {
    throw new HubError('USAGE', `--output ${text} is not understood`, {
      hint: 'use oci:DIR[:TAG], docker-archive:FILE, oci-archive:FILE or - for stdout',
    });
  }
  const opened = await openEndpoint(target, {
    store: () => context.store(),
    registries: () => context.registries(),
    stdin: context.io.stdin,
    stdout: context.io.stdout,
    signal: context.signal,
  });
  const toStdout = target.endsWith(':-');
  const isLayout = target.startsWith('oci:');
  return {
    sink: opened.endpoint,
    store: undefined,
    known: async () => undefined,
    nameFor: (reference) => {
      if (opened.reference !== '') return opened.reference;
      return isLayout ? (reference.tag ?? reference.digest ?? 'latest') : formatReference(reference);
    },
    line: (line) => (toStdout ? context.output.note(line) : context.output.line(line)),
    commit: async () => opened.endpoint.commit?.({ signal: context.signal }),
    close: async () => opened.endpoint[Symbol.asyncDispose](),
  };
}
