// Events of a copy, for tests of what shows them.
import { digestOf } from '../../src/spec/digest.ts';
import type { Descriptor } from '../../src/spec/descriptor.ts';
import type { ContentKind, TransferEvent } from '../../src/transfer/events.ts';

export const REFERENCE = 'localhost:5000/app:1';

/** A layer whose digest comes from its name. */
export function layer(name: string, size = 1_000_000): Descriptor {
  return { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: digestOf(name), size };
}

/** First twelve digits, as views show them. */
export function idOf(descriptor: Descriptor): string {
  return descriptor.digest.slice('sha256:'.length, 'sha256:'.length + 12);
}

export function queued(descriptor: Descriptor, kind: ContentKind = 'layer'): TransferEvent {
  return { type: 'queued', reference: REFERENCE, descriptor, kind };
}

export function started(descriptor: Descriptor, offset = 0): TransferEvent {
  return { type: 'started', reference: REFERENCE, descriptor, offset };
}

export function progress(descriptor: Descriptor, bytes: number): TransferEvent {
  return { type: 'progress', reference: REFERENCE, descriptor, bytes };
}

export function finished(
  descriptor: Descriptor,
  outcome: 'copied' | 'exists' | 'mounted' = 'copied',
  options: { kind?: ContentKind; mountedFrom?: string } = {},
): TransferEvent {
  return { type: 'finished', reference: REFERENCE, descriptor, kind: 'layer', outcome, ...options };
}

export function waiting(descriptor: Descriptor, reason: string): TransferEvent {
  return { type: 'waiting', reference: REFERENCE, descriptor, reason };
}

export function retrying(url: string, delay = 5000): TransferEvent {
  return { type: 'retrying', url, attempt: 1, delay, message: 'connection reset' };
}
