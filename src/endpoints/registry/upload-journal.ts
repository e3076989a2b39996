// Which uploads did a run begin that was killed, and where do they go on?
import { isRecord } from '../../util/json.ts';
import { isRunning, now, ownPid, place as machine } from '../../util/machine.ts';
import { readPrivate, updatePrivate } from '../../util/private-file.ts';
import { parseUrl } from '../../util/url.ts';

export interface UploadPlace {
  /** Canonical name. */
  readonly registry: string;
  readonly repository: string;
  /** Of the blob that is uploaded. */
  readonly digest: string;
}

/** Locations of uploads. None of this ever throws: without it an upload begins anew. */
export interface UploadJournal {
  /** Where an upload can go on whose process has died; from now on it is ours. */
  take(place: UploadPlace): Promise<string | undefined>;
  /** Notes where an upload of ours is, and does not wait until it is written. */
  note(place: UploadPlace, location: string): void;
  /** The upload has ended, or cannot go on. */
  end(place: UploadPlace): void;
  /** Waits until everything is written. */
  save?(): Promise<void>;
}

/** Registries give up an upload some time; an hour is kept by all that were met. */
const LIFE = 60 * 60 * 1000; // milliseconds
const MOST = 200;
const VERSION = 1;

/** A file that all runs of this user share. Each upload belongs to one process at a time. */
export function journalInFile(path: string): UploadJournal {
  const changes = new Map<string, Entry | undefined>();
  /** What this run wrote entries of. */
  const own = new Set<string>();
  let writing: Promise<unknown> = Promise.resolve();
  let earlier: Promise<ReadonlyMap<string, Entry>> | undefined;
  const read = (): Promise<ReadonlyMap<string, Entry>> => {
    earlier ??= readPrivate(path).then(parseEntries);
    return earlier;
  };
  const flush = (): Promise<unknown> => {
    writing = writing.then(async () => {
      const known = await read();
      // Most uploads end before they have an entry.
      const batch = new Map([...changes].filter(([key, entry]) => entry || own.has(key) || known.has(key)));
      changes.clear();
      if (batch.size === 0) return undefined;
      return updatePrivate(path, (text) => formatEntries(merged(parseEntries(text), batch)));
    });
    return writing;
  };
  return {
    take: async (place) => {
      const key = keyOf(place);
      // Mostly there was nothing when this run began, and to know that needs no lock.
      if (!isFree((await read()).get(key))) return undefined;
      let taken: Entry | undefined;
      await updatePrivate(path, (text) => {
        const entries = parseEntries(text);
        const entry = entries.get(key);
        taken = isFree(entry) ? entry : undefined;
        return formatEntries(taken ? merged(entries, new Map([[key, entryFor(taken.location)]])) : entries);
      });
      return taken?.location;
    },
    note: (place, location) => {
      own.add(keyOf(place));
      changes.set(keyOf(place), entryFor(location));
      void flush();
    },
    end: (place) => void changes.set(keyOf(place), undefined),
    save: async () => void (await flush()),
  };
}

interface Entry {
  readonly location: string;
  readonly pid: number;
  /** Where that process id means something. */
  readonly machine: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

function entryFor(location: string): Entry {
  return { location, pid: ownPid, machine: machine(), at: now() };
}

/** Two processes must never send into one upload: it is free only when its own has died on this machine. */
function isFree(entry: Entry | undefined): entry is Entry {
  return entry !== undefined && entry.machine === machine() && !isRunning(entry.pid) && isYoung(entry);
}

function isYoung({ at }: Entry): boolean {
  return Math.abs(now() - at) < LIFE;
}

function keyOf({ registry, repository, digest }: UploadPlace): string {
  return `${registry}/${repository} ${digest}`;
}

function merged(
  entries: ReadonlyMap<string, Entry>,
  changes: ReadonlyMap<string, Entry | undefined>,
): ReadonlyMap<string, Entry> {
  const all = new Map(entries);
  for (const [key, entry] of changes) {
    all.delete(key);
    if (entry) all.set(key, entry);
  }
  return all;
}

function formatEntries(entries: ReadonlyMap<string, Entry>): string {
  const young = [...entries].filter(([, entry]) => isYoung(entry)).slice(-MOST);
  return `${JSON.stringify({ version: VERSION, uploads: Object.fromEntries(young) })}\n`;
}

function parseEntries(text: string | undefined): ReadonlyMap<string, Entry> {
  const document = valueOf(text);
  const uploads = isRecord(document) && document['version'] === VERSION ? document['uploads'] : undefined;
  if (!isRecord(uploads)) return new Map();
  return new Map(Object.entries(uploads).filter((pair): pair is [string, Entry] => isEntry(pair[1])));
}

function isEntry(value: unknown): value is Entry {
  if (!isRecord(value)) return false;
  const { location, pid, machine: where, at } = value;
  const isPlaced = typeof where === 'string' && Number.isSafeInteger(pid) && Number(pid) > 0;
  return isPlaced && typeof location === 'string' && parseUrl(location) !== undefined && typeof at === 'number';
}

function valueOf(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
