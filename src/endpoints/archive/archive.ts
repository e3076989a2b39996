// How does an archive file take part in a copy, before it is known whether it is read or written?
import type { Readable, Writable } from 'node:stream';
import { HubError } from '../../errors.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import type { Platform } from '../../spec/platform.ts';
import type { Content, Endpoint, Open, ReadOptions, WriteOptions, WriteResult } from '../../transfer/endpoint.ts';
import { openArchive, type Archive, type Workshop } from './read.ts';
import { createArchive, type NewArchive } from './write.ts';

export interface ArchiveServices {
  /** Called only when something has to be unpacked, spooled or packed. */
  readonly store: () => Promise<Workshop>;
  /** For the path `-`. */
  readonly stdin?: Readable | undefined;
  readonly stdout?: Writable | undefined;
  readonly host?: Platform | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** An archive that is opened by the first question to it, and created by the first write. Not both at once. */
export class ArchiveEndpoint implements Endpoint {
  readonly name: string;
  readonly sparse = true;
  readonly #path: string;
  readonly #services: ArchiveServices;
  #reading: Promise<Archive> | undefined;
  #writing: Promise<NewArchive> | undefined;

  constructor(path: string, services: ArchiveServices) {
    this.name = `archive ${path}`;
    this.#path = path;
    this.#services = services;
  }

  async resolve(reference: string): Promise<Descriptor> {
    return (await this.#archive()).resolve(reference);
  }

  async read(descriptor: Descriptor, options?: ReadOptions): Promise<Content> {
    const endpoint = this.#writing ? await this.#writing : await this.#archive();
    return endpoint.read(descriptor, options);
  }

  async *tags(): AsyncIterable<string> {
    const archive = await this.#archive();
    if (archive.tags) yield* archive.tags();
  }

  async has(descriptor: Descriptor): Promise<boolean> {
    return (await this.#writing)?.has(descriptor) ?? false;
  }

  async write(descriptor: Descriptor, open: Open, options?: WriteOptions): Promise<WriteResult> {
    return (await this.#newArchive()).write(descriptor, open, options);
  }

  async commit(): Promise<void> {
    await (await this.#newArchive()).commit();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const [reading, writing] = await Promise.allSettled([this.#reading, this.#writing]);
    if (reading.status === 'fulfilled') await reading.value?.[Symbol.asyncDispose]();
    if (writing.status === 'fulfilled') await writing.value?.[Symbol.asyncDispose]();
  }

  #archive(): Promise<Archive> {
    const { store, signal, stdin, onWarning } = this.#services;
    this.#reading ??= openArchive(this.#path === '-' ? { stream: given(stdin, 'stdin') } : { path: this.#path }, {
      store,
      signal,
      onEvent: (event) => {
        if (event.type === 'warning') onWarning?.(event.message);
      },
    });
    return this.#reading;
  }

  #newArchive(): Promise<NewArchive> {
    const { signal, stdout, host } = this.#services;
    this.#writing ??= createArchive(this.#path === '-' ? { stream: given(stdout, 'stdout') } : { path: this.#path }, {
      signal,
      host,
    });
    return this.#writing;
  }
}

function given<T>(stream: T | undefined, name: string): T {
  if (stream) return stream;
  throw new HubError('USAGE', `an archive named - needs ${name}, which is not there`);
}
