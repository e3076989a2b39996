// In which pieces does one blob arrive, and who fetches which?
import { HubError } from '../../errors.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import type { Content, Landing, Open, Share } from '../../transfer/endpoint.ts';
import { whenAborted } from '../../util/when-aborted.ts';
import type { Lock } from '../../util/lock.ts';
import type { Reservation } from './space.ts';
import { Spans, type Span } from './spans.ts';

export interface FillOptions {
  readonly signal?: AbortSignal | undefined;
  /** Of the blob; lost when this process stood still for too long. */
  readonly lock: Lock;
  readonly reservation: Reservation;
  /** Who else may fetch pieces; without it, all comes in order. */
  readonly share?: Share | undefined;
  /** Bytes of a piece from which on who fetches it may put it into the file by himself; never by default. Asked for each. */
  readonly landFrom?: (() => number) | undefined;
}

/** The file that is being filled. */
interface Target extends FillOptions {
  /** What is in the file. */
  readonly present: Spans;
  readonly write: (chunk: Uint8Array, position: number) => void;
  /** The file itself, for whoever can put bytes there; then these are there. */
  readonly landing: Landing;
  readonly landed: (span: Span) => void;
  /** These bytes are in the file, which a later attempt may rely on. */
  readonly note: (span: Span) => void;
  /** From now on bytes do not come in order. */
  readonly scatter: () => void;
}

/** After a pause this long somebody may have taken the lock over. */
const PAUSE = 10_000; // milliseconds
/** Bytes of a piece after which it is noted how far it got: a part of the piece, which is what a kill may cost. */
const NOTE = { part: 16, least: 64 * 1024, most: 1024 * 1024 };

interface Piece {
  readonly start: number;
  readonly end: number;
  position: number;
}

/**
 * Fetches what is missing: the first request asks for a piece, and its answer tells whether the source can give pieces.
 * Most can, so others may fetch the next ones before that is known; if it cannot, that one answer brings everything.
 */
export class Filling {
  readonly #open: Open;
  readonly #descriptor: Descriptor;
  readonly #target: Target;
  /** In the file, or being fetched. */
  readonly #taken = new Spans();
  readonly #stop = new AbortController();
  readonly #helpers = new Set<Promise<void>>();
  #forget: () => void = () => undefined;
  #canSplit = false;
  #hasGuessed = false;
  /** That it does was seen. */
  #givesParts = false;
  /** From here on one answer brings everything. */
  #wholeFrom: number;
  #failure: { readonly error: unknown } | undefined;
  #lastByte = performance.now();

  constructor(open: Open, descriptor: Descriptor, target: Target) {
    this.#open = open;
    this.#descriptor = descriptor;
    this.#target = target;
    this.#wholeFrom = descriptor.size;
    for (const span of target.present) this.#taken.add(span);
    const { signal } = target;
    if (signal?.aborted) this.#stop.abort(signal.reason);
    else if (signal) this.#forget = whenAborted(signal, () => this.#stop.abort(signal.reason));
  }

  /** True when the source has verified the whole by itself. Throws what the source throws, STORAGE, LOCKED. */
  async run(): Promise<boolean> {
    let isVerified = false;
    try {
      for (let piece = this.#take(); piece; piece = this.#take()) isVerified = await this.#fetch(piece);
    } catch (error) {
      this.#fail(error);
    }
    await Promise.all(this.#helpers);
    // A helper may have given its piece back.
    if (!this.#failure && this.#take(true)) return this.run();
    this.#forget();
    if (this.#failure) throw this.#failure.error;
    return isVerified;
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#stop.abort(error);
  }

  /** The next piece that nobody has; `look` leaves it there. */
  #take(look = false): Piece | undefined {
    const { share } = this.#target;
    const { size } = this.#descriptor;
    const gap = this.#failure ? undefined : this.#taken.gap(size);
    if (!gap || look) return gap && { ...gap, position: gap.start };
    const length = share?.piece(size - this.#taken.total) ?? size;
    // A rest that is hardly worth a request goes with the last piece.
    const end = gap.end - gap.start < length * 1.5 ? gap.end : gap.start + length;
    const piece = { start: gap.start, end, position: gap.start };
    this.#taken.add(piece);
    return piece;
  }

  /** One piece by whoever had nothing else to do. Undefined when there is none. Never rejected. */
  #help(): Promise<void> | undefined {
    const piece = this.#canSplit ? this.#take() : undefined;
    if (!piece) return undefined;
    const isGuess = !this.#givesParts;
    this.#target.scatter();
    const help = this.#fetch(piece, true).then(
      () => void this.#helpers.delete(help),
      (error: unknown) => {
        this.#helpers.delete(help);
        // Whoever asks ahead is not needed: whether something is wrong, the answer to the first request tells.
        if (isGuess && piece.position === piece.start) this.#giveBack(piece);
        else this.#fail(error);
      },
    );
    this.#helpers.add(help);
    return help;
  }

  async #fetch(piece: Piece, isHelp = false): Promise<boolean> {
    const opening = this.#begin(piece, isHelp);
    // Whoever helps at once is a round trip ahead of who waits for the first answer.
    if (!this.#hasGuessed) this.#share();
    const content = await opening;
    const isPart = content.isPart === true;
    if (isHelp && !isPart) {
      content.cancel();
      return this.#giveBack(piece);
    }
    if (isPart) {
      this.#givesParts = true;
      this.#share();
    }
    const whole = isPart ? piece : this.#extend(piece);
    await this.#receive(whole, content);
    if (whole.position < whole.end) this.#endedEarly(whole, isPart);
    return content.verified === true && whole.start === 0 && whole.end === this.#descriptor.size;
  }

  #begin({ start, end }: Piece, isHelp: boolean): Promise<Content> {
    const { landFrom, landing } = this.#target;
    return this.#open({
      ...(start > 0 && { start }),
      ...(end < this.#descriptor.size && { end }),
      greedy: !isHelp,
      unverified: true,
      ...(landFrom && end - start >= landFrom() && { into: landing }),
      signal: this.#stop.signal,
    });
  }

  #share(): void {
    if (this.#canSplit) return;
    this.#canSplit = true;
    this.#hasGuessed = true;
    this.#target.share?.offer(() => this.#help());
  }

  /** The source gives all to the end, so there is nothing for others to do. */
  #extend(piece: Piece): Piece {
    this.#canSplit = false;
    const whole = { ...piece, end: this.#descriptor.size };
    this.#wholeFrom = piece.start;
    this.#taken.add(whole);
    return whole;
  }

  /** A source that does not give pieces, or no more: what no other answer brings comes in order. */
  #giveBack(piece: Piece): boolean {
    this.#canSplit = false;
    if (piece.start < this.#wholeFrom) this.#taken.remove(piece);
    return false;
  }

  #endedEarly(piece: Piece, isPart: boolean): void {
    // A short answer to the whole is for the hash to judge; a short piece is asked for again from there.
    if (isPart && piece.position > piece.start) this.#taken.remove({ start: piece.position, end: piece.end });
    else throw tooShort(this.#descriptor, piece);
  }

  async #receive(piece: Piece, content: Content): Promise<void> {
    const { present, reservation, write, note, landed } = this.#target;
    const every = Math.min(NOTE.most, Math.max(NOTE.least, (piece.end - piece.start) / NOTE.part));
    let noted = piece.position;
    const came = (bytes: number): void => {
      piece.position += bytes;
      reservation.left -= bytes;
      if (piece.position - noted < every) return;
      note({ start: noted, end: piece.position });
      noted = piece.position;
    };
    const take = (chunk: Uint8Array): void => {
      this.#check();
      if (piece.position + chunk.length > piece.end) throw tooLong(this.#descriptor);
      // What may have been hashed already stays as it was hashed.
      const known = Math.min(chunk.length, Math.max(0, present.prefix - piece.position));
      piece.position += known;
      write(known === 0 ? chunk : chunk.subarray(known), piece.position);
      came(chunk.length - known);
    };
    const count = (bytes: number): void => {
      landed({ start: piece.position, end: piece.position + bytes });
      came(bytes);
      this.#check();
    };
    try {
      await content.forEach(take, count);
    } catch (error) {
      content.cancel();
      throw error;
    } finally {
      if (noted < piece.position) note({ start: noted, end: piece.position });
    }
  }

  #check(): void {
    this.#target.signal?.throwIfAborted();
    const now = performance.now();
    if (now - this.#lastByte > PAUSE) this.#target.lock.check();
    this.#lastByte = now;
  }
}

function tooLong({ digest, size }: Descriptor): HubError {
  return mismatch(`expected ${digest} of ${size} bytes, received more than ${size} bytes`);
}

function tooShort({ digest, size }: Descriptor, { position }: Piece): HubError {
  return mismatch(`expected ${digest} of ${size} bytes, received ${position} bytes`);
}

function mismatch(message: string): HubError {
  return new HubError('DIGEST_MISMATCH', message, {
    hint: 'nothing was stored; if it happens again, the registry or something between changes content',
  });
}
