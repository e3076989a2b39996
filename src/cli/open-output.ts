// Where does a pull write to: the local store, or a layout or archive named with --output?
import { HubError } from '../errors.ts';
import { openEndpoint } from '../endpoints/open.ts';
import type { Store } from '../endpoints/store/store.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { formatReference, type Reference } from '../spec/reference.ts';
import type { ReadableSink } from '../transfer/options.ts';
import type { Context } from './context.ts';
import { openServices } from './open-services.ts';

export interface OutputTarget {
  readonly sink: ReadableSink;
  /** What the sink has under this name now. */
  known(name: string): Promise<Descriptor | undefined>;
  /** The name at the sink where it is not the canonical one. */
  nameFor(reference: Reference): string | undefined;
  /** The local store, when that is the target. */
  readonly store: Store | undefined;
  /** True when `--output` names the image, so that it can be only one. */
  readonly named: boolean;
  /** True when nothing is there before everything is: for one file, but not for a folder. */
  readonly whole: boolean;
  /** A line of result: on stdout, unless the archive goes there. */
  line(text: string): void;
  commit(): Promise<void>;
  close(): Promise<void>;
}

/** True for an archive that goes to stdout, named or not: `docker-archive:-`, `docker-archive:-:app:1`. */
export function isOnStdout(target: string): boolean {
  return /^(?:docker|oci)-archive:-(?::|$)/.test(target);
}

/** An archive on stdout leaves no room for anything else, and is nothing to look at. Throws USAGE with `hint`. */
export function checkStdout({ io, output }: Pick<Context, 'io' | 'output'>, hint: string): void {
  if (io.stdout.isTTY === true) throw new HubError('USAGE', 'cowardly refusing to save to a terminal', { hint });
  if (output.json) throw new HubError('USAGE', '--json and the archive cannot both be on stdout', { hint });
}

/** Throws USAGE for a target that is not understood, and for stdout when that is a terminal or wanted for JSON. */
export async function openOutput(context: Context, text: string | undefined): Promise<OutputTarget> {
  return text === undefined ? storeTarget(context) : endpointTarget(context, text);
}

async function storeTarget(context: Context): Promise<OutputTarget> {
  const store = await context.store();
  return {
    sink: store,
    store,
    named: false,
    whole: false,
    known: async (name) => {
      const known = (await store.images()).find((image) => image.name === name)?.descriptor;
      // What is new has to be written: that it cannot be is better said before anything is asked of a registry.
      if (!known) await store.upkeep.checkWritable();
      return known;
    },
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
  const toStdout = isOnStdout(target);
  if (toStdout) checkStdout(context, 'use --output docker-archive:FILE');
  const opened = await openEndpoint(target, openServices(context));
  const isLayout = target.startsWith('oci:');
  return {
    sink: opened.endpoint,
    store: undefined,
    named: opened.reference !== '',
    whole: opened.kind === 'archive',
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
