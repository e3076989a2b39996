// What happens during a copy, for whoever wants to show it?
import type { Descriptor } from '../spec/descriptor.ts';
import type { Outcome } from './endpoint.ts';

/** `reference` tells several copies under one renderer apart. Bytes are counts of bytes, delays are milliseconds. */
export type TransferEvent =
  | { readonly type: 'resolved'; readonly reference: string; readonly descriptor: Descriptor }
  | { readonly type: 'queued'; readonly reference: string; readonly descriptor: Descriptor; readonly kind: ContentKind }
  | { readonly type: 'started'; readonly reference: string; readonly descriptor: Descriptor; readonly offset: number }
  | { readonly type: 'progress'; readonly reference: string; readonly descriptor: Descriptor; readonly bytes: number }
  | {
      readonly type: 'finished';
      readonly reference: string;
      readonly descriptor: Descriptor;
      readonly kind: ContentKind;
      readonly outcome: Outcome;
      readonly mountedFrom?: string | undefined;
    }
  | { readonly type: 'waiting'; readonly reference: string; readonly descriptor: Descriptor; readonly reason: string }
  | {
      readonly type: 'retrying';
      readonly url: string;
      readonly attempt: number;
      readonly delay: number;
      readonly message: string;
    }
  | { readonly type: 'named'; readonly reference: string; readonly descriptor: Descriptor }
  | { readonly type: 'warning'; readonly message: string };

/** What a descriptor is in its image; configs and manifests are not shown as layers. */
export type ContentKind = 'index' | 'manifest' | 'config' | 'layer' | 'blob';

/** Called synchronously, often; a renderer throttles itself. */
export type OnEvent = (event: TransferEvent) => void;
