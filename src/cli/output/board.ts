// What is the state of every layer of the copies that are under way?
import type { Descriptor } from '../../spec/descriptor.ts';
import type { Outcome } from '../../transfer/endpoint.ts';
import type { ContentKind, TransferEvent } from '../../transfer/events.ts';
import { Rate } from './rate.ts';

export type Phase = 'queued' | 'moving' | 'waiting' | 'retrying' | 'finished';

/** One content reader: where it began and how far it got. Several may read parts of one layer. */
interface Part {
  readonly start: number;
  position: number;
}

/** One piece of content of one copy. Bytes are counts, times are milliseconds of the clock of the view. */
export interface Piece {
  readonly reference: string;
  readonly descriptor: Descriptor;
  readonly rate: Rate;
  kind: ContentKind;
  phase: Phase;
  parts: Part[];
  startedAt: number | undefined;
  /** Why it waits, or after how many seconds it is tried again. */
  remark: string | undefined;
  outcome: Outcome | undefined;
  mountedFrom: string | undefined;
}

export interface Change {
  readonly piece: Piece;
  readonly type: 'queued' | 'started' | 'progress' | 'waiting' | 'retrying' | 'finished';
}

interface Count {
  readonly pieces: number;
  readonly bytes: number;
}

export interface Totals {
  readonly pieces: number;
  readonly finished: number;
  readonly copied: Count;
  readonly mounted: Count;
  readonly existing: Count;
  /** Bytes of the copied ones that earlier runs had left behind. */
  readonly resumed: number;
  /** Bytes there are to move, and how many of them are there. */
  readonly size: number;
  readonly moved: number;
  readonly perSecond: number | undefined;
  /** Seconds left at this rate. */
  readonly eta: number | undefined;
}

/** Bytes of the content that have arrived, including those from before. */
export function bytesOf(piece: Piece): number {
  const only = piece.parts[0];
  // Asked for each piece that arrives, and hardly ever are there several.
  if (only && piece.parts.length === 1) return Math.min(piece.descriptor.size, only.position);
  const read = piece.parts.reduce((sum, part) => sum + part.position - part.start, 0);
  return Math.min(piece.descriptor.size, resumedBytes(piece) + read);
}

/** Bytes that were there before this run: the copy started after them. */
export function resumedBytes(piece: Piece): number {
  return piece.parts.length === 0 ? 0 : Math.min(...piece.parts.map((part) => part.start));
}

export function isLayer(piece: Piece): boolean {
  return piece.kind === 'layer' || piece.kind === 'blob';
}

export class Board {
  readonly #pieces = new Map<string, Piece>();
  readonly #rate = new Rate();
  /** Bytes this run has moved, of content of every kind. */
  #moved = 0;

  get pieces(): Iterable<Piece> {
    return this.#pieces.values();
  }

  /** Takes an event in. Gives the piece it changed, if it is about one. */
  apply(event: TransferEvent, now: number): Change | undefined {
    switch (event.type) {
      case 'queued':
        return this.#queue(event);
      case 'started':
        return {
          piece: this.#start(this.#piece(event.reference, event.descriptor), event.offset, now),
          type: 'started',
        };
      case 'progress':
        return {
          piece: this.#advance(this.#piece(event.reference, event.descriptor), event.bytes, now),
          type: 'progress',
        };
      case 'waiting':
        return { piece: this.#wait(this.#piece(event.reference, event.descriptor), event.reason), type: 'waiting' };
      case 'retrying':
        return this.#retry(event.url, event.delay);
      case 'finished':
        return { piece: this.#finish(event), type: 'finished' };
      case 'resolved':
      case 'named':
      case 'warning':
        return undefined;
      default:
        return event satisfies never;
    }
  }

  totals(now: number): Totals {
    const layers = [...this.#pieces.values()].filter((piece) => isLayer(piece));
    const moving = layers.filter((piece) => piece.outcome === undefined || piece.outcome === 'copied');
    const size = sum(moving, (piece) => piece.descriptor.size);
    const moved = sum(moving, (piece) => (piece.phase === 'finished' ? piece.descriptor.size : bytesOf(piece)));
    const perSecond = this.#rate.perSecond(now, this.#moved);
    return {
      pieces: layers.length,
      finished: layers.filter((piece) => piece.phase === 'finished').length,
      copied: count(layers, 'copied'),
      mounted: count(layers, 'mounted'),
      existing: count(layers, 'exists'),
      resumed: sum(
        layers.filter((piece) => piece.outcome === 'copied'),
        resumedBytes,
      ),
      size,
      moved,
      perSecond,
      eta: perSecond ? (size - moved) / perSecond : undefined,
    };
  }

  /** Undefined for what is known already: an image may name a layer twice. */
  #queue(event: Extract<TransferEvent, { type: 'queued' }>): Change | undefined {
    const known = this.#pieces.get(keyOf(event.reference, event.descriptor));
    if (known) return undefined;
    return { piece: this.#piece(event.reference, event.descriptor, event.kind), type: 'queued' };
  }

  #piece(reference: string, descriptor: Descriptor, kind: ContentKind = 'manifest'): Piece {
    const known = this.#pieces.get(keyOf(reference, descriptor));
    if (known) return known;
    const piece: Piece = {
      reference,
      descriptor,
      rate: new Rate(),
      kind,
      phase: 'queued',
      parts: [],
      startedAt: undefined,
      remark: undefined,
      outcome: undefined,
      mountedFrom: undefined,
    };
    this.#pieces.set(keyOf(reference, descriptor), piece);
    return piece;
  }

  #start(piece: Piece, offset: number, now: number): Piece {
    // A reader that begins where another has been already reads it all again, after damage on the way.
    if (piece.parts.some((part) => part.start <= offset && offset < part.position)) piece.parts = [];
    piece.parts.push({ start: offset, position: offset });
    piece.phase = 'moving';
    piece.startedAt ??= now;
    piece.rate.add(now, bytesOf(piece));
    this.#rate.add(now, this.#moved);
    return piece;
  }

  #advance(piece: Piece, position: number, now: number): Piece {
    const part = nearestBefore(piece.parts, position);
    if (part) {
      this.#moved += position - part.position;
      part.position = position;
    }
    piece.phase = 'moving';
    piece.rate.add(now, bytesOf(piece));
    this.#rate.add(now, this.#moved);
    return piece;
  }

  #wait(piece: Piece, reason: string): Piece {
    piece.phase = 'waiting';
    piece.remark = reason;
    return piece;
  }

  /** A retry names a URL; the digest in it tells which pieces it is about. */
  #retry(url: string, delay: number): Change | undefined {
    const piece = [...this.#pieces.values()].find(
      ({ phase, descriptor }) => phase !== 'finished' && url.includes(descriptor.digest),
    );
    if (!piece) return undefined;
    piece.phase = 'retrying';
    piece.remark = String(Math.max(1, Math.round(delay / 1000)));
    return { piece, type: 'retrying' };
  }

  #finish(event: Extract<TransferEvent, { type: 'finished' }>): Piece {
    const piece = this.#piece(event.reference, event.descriptor, event.kind);
    piece.kind = event.kind;
    piece.phase = 'finished';
    piece.outcome = event.outcome;
    piece.mountedFrom = event.mountedFrom;
    return piece;
  }
}

/** Whose bytes these are: the part that has come nearest to there. */
function nearestBefore(parts: readonly Part[], position: number): Part | undefined {
  let nearest: Part | undefined;
  for (const part of parts) {
    if (part.position <= position && (!nearest || part.position >= nearest.position)) nearest = part;
  }
  return nearest;
}

function keyOf(reference: string, descriptor: Descriptor): string {
  return `${reference} ${descriptor.digest}`;
}

function count(pieces: readonly Piece[], outcome: Outcome): Count {
  const those = pieces.filter((piece) => piece.outcome === outcome);
  return { pieces: those.length, bytes: sum(those, (piece) => piece.descriptor.size) };
}

function sum(pieces: readonly Piece[], value: (piece: Piece) => number): number {
  return pieces.reduce((total, piece) => total + value(piece), 0);
}
