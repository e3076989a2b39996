// Which words does a layer wear while it is pulled, pushed or copied? They are docker's.
import { plural, safeText } from '../../util/text.ts';
import { bytesOf, type Change, type Piece, type Totals } from './board.ts';
import type { TransferOptions } from './output.ts';
import type { Tone } from './style.ts';
import { formatEta, formatRate, formatSize } from './units.ts';

type Direction = TransferOptions['direction'];

interface Words {
  readonly queued: string;
  readonly moving: string;
  /** All bytes are there, the result is not yet. */
  readonly settling: string;
  readonly copied: string;
  readonly exists: string;
  /** `downloaded` in the line at the end. */
  readonly done: string;
  /** The line written on one state change where lines stay; nothing for a change that docker does not tell there. */
  readonly lines: Partial<Readonly<Record<Change['type'], string>>>;
}

const WORDS: Readonly<Record<Direction, Words>> = {
  pull: {
    queued: 'Pulling fs layer',
    moving: 'Downloading',
    settling: 'Verifying Checksum',
    copied: 'Pull complete',
    exists: 'Already exists',
    done: 'downloaded',
    lines: { started: 'Pulling fs layer' },
  },
  push: {
    queued: 'Preparing',
    moving: 'Pushing',
    settling: 'Pushing',
    copied: 'Pushed',
    exists: 'Layer already exists',
    done: 'uploaded',
    lines: { queued: 'Preparing' },
  },
  copy: {
    queued: 'Waiting',
    moving: 'Copying',
    settling: 'Copying',
    copied: 'Copied',
    exists: 'Already exists',
    done: 'copied',
    lines: { started: 'Copying' },
  },
};

/** What is said of a piece now, without numbers: `Downloading`, `Mounted from library/ubuntu`, `Retrying in 5 seconds`. */
export function stateOf(piece: Piece, direction: Direction): string {
  const words = WORDS[direction];
  switch (piece.phase) {
    case 'queued':
      return words.queued;
    case 'moving':
      return bytesOf(piece) >= piece.descriptor.size ? words.settling : words.moving;
    case 'waiting':
      return piece.remark ? `Waiting (${safeText(piece.remark)})` : 'Waiting';
    case 'retrying':
      return `Retrying in ${plural(Number(piece.remark), 'second')}`;
    case 'finished':
      return finishedState(piece, words);
    default:
      return piece.phase satisfies never;
  }
}

/** The state to write when lines stay where they are written; undefined when this change is not told there. */
export function lineOf(change: Change, direction: Direction): string | undefined {
  const { piece, type } = change;
  if (type === 'progress') return undefined;
  if (type === 'started') return startedLine(piece, direction);
  if (type === 'queued') return WORDS[direction].lines.queued;
  return stateOf(piece, direction);
}

export function toneOf(piece: Piece): Tone | undefined {
  if (piece.phase === 'retrying') return 'caution';
  if (piece.phase !== 'finished') return undefined;
  return piece.outcome === 'exists' ? 'quiet' : 'good';
}

/** `downloaded 3 of 7 layers, 41.2MB; reused 4 layers, 180MB`; undefined when there were none. */
export function summaryOf(totals: Totals, direction: Direction): string | undefined {
  if (totals.pieces === 0) return undefined;
  const { copied, mounted, existing, resumed } = totals;
  const parts = [`${WORDS[direction].done} ${copied.pieces} of ${plural(totals.pieces, 'layer')}`];
  if (copied.pieces > 0) parts[0] += `, ${formatSize(copied.bytes - resumed)}`;
  if (resumed > 0) parts.push(`resumed after ${formatSize(resumed)}`);
  if (mounted.pieces > 0) parts.push(`mounted ${plural(mounted.pieces, 'layer')}, ${formatSize(mounted.bytes)}`);
  if (existing.pieces > 0) parts.push(`reused ${plural(existing.pieces, 'layer')}, ${formatSize(existing.bytes)}`);
  return parts.join('; ');
}

/** `41%  41.2MB/100MB  8.3MB/s  7s left`. */
export function totalLine(totals: Totals): string {
  const { size, moved, perSecond, eta } = totals;
  const percent = size === 0 ? 100 : Math.floor((moved * 100) / size);
  const parts = [
    `${totals.finished}/${plural(totals.pieces, 'layer')}`,
    `${percent}%`,
    `${formatSize(moved)}/${formatSize(size)}`,
  ];
  if (perSecond !== undefined) parts.push(formatRate(perSecond));
  if (eta !== undefined && moved < size) parts.push(`${formatEta(eta)} left`);
  return parts.join('  ');
}

function startedLine(piece: Piece, direction: Direction): string | undefined {
  if (piece.parts.length > 1) return undefined;
  const offset = piece.parts[0]?.start ?? 0;
  if (offset > 0) return `Resuming after ${formatSize(offset, 4)}`;
  return WORDS[direction].lines.started;
}

function finishedState(piece: Piece, words: Words): string {
  if (piece.outcome === 'exists') return words.exists;
  if (piece.outcome !== 'mounted') return words.copied;
  return piece.mountedFrom === undefined ? 'Mounted' : `Mounted from ${safeText(piece.mountedFrom)}`;
}
