// How does a blob get into a registry: found, mounted, put whole, or continued after a break?
import { HubError } from '../../errors.ts';
import type { HttpResponse } from '../../http/layer.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import { algorithmOf } from '../../spec/digest.ts';
import type { Content, Open, WriteOptions, WriteResult } from '../../transfer/endpoint.ts';
import type { RepositoryAccess } from './access.ts';
import { hasBlob } from './blobs.ts';
import type { UploadJournal, UploadPlace } from './upload-journal.ts';
import { Session, type UploadFailure } from './upload-session.ts';
import { findOrStart, startSession, uploadRefusal } from './upload-start.ts';

/** Uploads begun again, or continued, without progress between. */
const TRIES = 5;
/** Answers that never came, one after the other. */
const SILENCES = 2;
/** Answers that may be another one next time, or in another session; so may those from 500 on. */
const PASSING: ReadonlySet<number> = new Set([404, 408, 416, 429]);
/** Bytes that are sooner sent again than waited for. */
const CHEAP = 16 * 1024 * 1024;
/** Tries in one session without progress. */
const PATIENCE = 2;
/** Bytes that are worth a question whether they arrived, and a note where they go: at once, or when they take some milliseconds. */
const WORTH_NOTING = 4 * 1024 * 1024;
const LARGE = 8 * 1024 * 1024;
const TAKES_TIME = 500;

/**
 * Brings a blob into the repository [distribution-spec push; end-4a, 5, 6, 11, 13]: one POST that finds it, borrows it or
 * begins an upload, and one PUT. A broken upload asks the registry what it has and goes on from there; nothing is sent twice without asking.
 * Throws DIGEST_MISMATCH when the registry finds other content than the descriptor names, what requests throw, and at once
 * whatever `open` and the content it gives throw.
 */
export async function uploadBlob(
  access: RepositoryAccess,
  { descriptor, open }: { readonly descriptor: Descriptor; readonly open: Open },
  options: WriteOptions = {},
): Promise<WriteResult> {
  const journal = descriptor.size < WORTH_NOTING ? undefined : await access.journal?.();
  const resumed = options.force || !journal ? undefined : await resume(access, { descriptor, journal }, options);
  const traits = await access.traits.get(access.registry);
  const session = resumed?.session ?? (await findOrStart(access, descriptor, { ...options, traits }));
  if ('outcome' in session) return session;
  session.chunk = (await access.traits.get(access.registry)).chunk;
  await new Upload(access, { descriptor, open, session, offset: resumed?.offset ?? 0, journal, options }).run();
  return { outcome: 'copied' };
}

interface Resumed {
  readonly session: Session;
  readonly offset: number;
}

/** The upload that a run which was killed had begun, if the registry still knows it. */
async function resume(
  access: RepositoryAccess,
  { descriptor, journal }: { readonly descriptor: Descriptor; readonly journal: UploadJournal },
  { signal }: WriteOptions,
): Promise<Resumed | undefined> {
  const location = await journal.take(placeOf(access, descriptor));
  if (location === undefined) return undefined;
  try {
    const session = new Session(new URL(location), { asked: await access.url('blobs/uploads/') });
    const offset = await session.status(access, signal);
    if (offset !== undefined && offset <= descriptor.size) return { session, offset };
  } catch (error) {
    // An upload that begins anew will tell what is wrong, if it still is.
    if (!HubError.is(error) || error.code === 'ABORTED') throw error;
  }
  journal.end(placeOf(access, descriptor));
  return undefined;
}

function placeOf({ registry, repository }: RepositoryAccess, { digest }: Descriptor): UploadPlace {
  return { registry, repository, digest };
}

interface UploadParts {
  readonly descriptor: Descriptor;
  readonly open: Open;
  readonly session: Session;
  /** Bytes the session has already. */
  readonly offset: number;
  readonly journal: UploadJournal | undefined;
  readonly options: WriteOptions;
}

/** One blob on its way, across as many sessions as it takes. */
class Upload {
  readonly #access: RepositoryAccess;
  readonly #parts: UploadParts;
  #session: Session;
  #offset: number;
  #failures = 0;
  #digestRefused = false;
  /** A request stood still in the session. */
  #isSuspect = false;
  /** How often the session had no more than before. */
  #stuck = 0;
  /** Answers to whole requests that never came, since the last progress. */
  #silences = 0;
  /** Connections that broke. */
  #breaks = 0;
  /** The registry takes no PATCH: all in one PUT. */
  #wholeOnly = false;

  constructor(access: RepositoryAccess, parts: UploadParts) {
    this.#access = access;
    this.#parts = parts;
    this.#session = parts.session;
    this.#offset = parts.offset;
  }

  async run(): Promise<void> {
    const { descriptor, options } = this.#parts;
    const open = this.#noting();
    for (;;) {
      if (descriptor.size > LARGE || this.#failures > 0 || this.#offset > 0) this.#note();
      const call = {
        descriptor,
        open,
        offset: this.#offset,
        signal: options.signal,
        onMoved: () => this.#note(),
        sound: options.sound,
      };
      const failure = await this.#session.send(this.#access, call);
      if (!failure) {
        this.#parts.journal?.end(placeOf(this.#access, descriptor));
        if (this.#session.storedDigest !== descriptor.digest) await this.#checkStored();
        return;
      }
      await this.#overcome(failure);
      if (await this.#arrivedMeanwhile(failure)) return;
      await this.#findPlace();
    }
  }

  /** Throws where another try makes no sense. */
  async #overcome(failure: UploadFailure): Promise<void> {
    const { descriptor } = this.#parts;
    const { response, error } = failure;
    if (response && !this.#mayGoOn(failure, response)) throw await uploadRefusal(this.#access, descriptor, response);
    response?.body.cancel();
    if (response?.status === 400) await this.#readAgain();
    if (error) this.#noteBreak(error);
    this.#failures += 1;
    if (this.#failures > TRIES) throw error ?? this.#givenUp(response);
  }

  /** After a wait, the registry is asked before anything is sent again. Throws when it was silent too often. */
  async #arrivedMeanwhile({ error, delay }: UploadFailure): Promise<boolean> {
    const { descriptor, options } = this.#parts;
    await this.#access.sleep(delay(this.#failures), options.signal);
    if (await hasBlob(this.#access, descriptor, { ...options, soon: this.#silences > 0 })) return true;
    if (error && this.#silences >= SILENCES) throw triedTwice(error);
    return false;
  }

  /** What is sent at once is not worth the note. */
  #noting(): Open {
    const { descriptor, open, journal } = this.#parts;
    if (!journal || descriptor.size > LARGE) return open;
    return async (range) => afterAWhile(await open(range), () => this.#note());
  }

  /** So that the next run can go on if this one is killed. */
  #note(): void {
    const { descriptor, journal } = this.#parts;
    const { location } = this.#session;
    if (location !== undefined) journal?.note(placeOf(this.#access, descriptor), location);
  }

  /** Only trouble that may pass, or that a new session may cure, is tried again. */
  #mayGoOn({ method }: UploadFailure, { status }: HttpResponse): boolean {
    if (method === 'PATCH' && (status === 405 || status === 501)) return this.#mayPutWhole();
    if (status === 507) return false; // no room left
    if (PASSING.has(status) || status >= 500) return true;
    if (status === 413) return this.#mayShrink();
    if (status !== 400 || this.#digestRefused) return false;
    this.#digestRefused = true; // once more from the beginning, in case the damage happened on the way
    this.#session.forget();
    return true;
  }

  /**
   * A second break may be no accident, and a stall is none: smaller pieces cost more requests, and less when they are lost.
   * After a stall the registry may still wait for the rest, and let nobody else into the session.
   */
  #noteBreak(error: HubError): void {
    const isStall = error.code === 'TIMEOUT';
    this.#breaks += 1;
    if (error.details['reason'] === 'headers-timeout') this.#silences += 1;
    if ((isStall || this.#breaks > 1) && !this.#wholeOnly) this.#session.beCareful();
    this.#isSuspect = isStall;
  }

  /** Tells which side is wrong about content that nobody here has hashed. Throws what reading it throws, DIGEST_MISMATCH above all. */
  async #readAgain(): Promise<void> {
    const { open, options } = this.#parts;
    if (!options.sound || !this.#session.isDistribution) return;
    await (await open({ signal: options.signal })).forEach(() => undefined);
  }

  #mayPutWhole(): boolean {
    if (this.#wholeOnly) return false;
    this.#wholeOnly = true;
    this.#session.forget();
    return true;
  }

  /** The next push to this registry begins with pieces that it takes. */
  #mayShrink(): boolean {
    if (!this.#session.mayShrink()) return false;
    this.#access.traits.learn(this.#access.registry, { chunk: this.#session.chunk });
    return true;
  }

  /** Asks the session how far it got; a session that is gone is replaced by a new one. */
  async #findPlace(): Promise<void> {
    const { descriptor, options } = this.#parts;
    const isSuspect = this.#isSuspect;
    this.#isSuspect = false;
    if (this.#wholeOnly) this.#session.forget();
    const got = await this.#session.status(this.#access, options.signal);
    if (got === undefined) {
      const chunk = this.#wholeOnly ? undefined : this.#session.chunk;
      this.#session = await startSession(this.#access, descriptor, options);
      this.#session.chunk = chunk;
      this.#offset = 0;
      return;
    }
    if (isSuspect && got <= CHEAP) return this.#leaveSession();
    if (got > this.#offset) {
      this.#failures = 0;
      this.#silences = 0;
      this.#stuck = 0;
    } else this.#stuck += 1;
    if (this.#stuck >= PATIENCE) return this.#leaveSession();
    this.#offset = Math.min(got, descriptor.size);
  }

  /** The registry may still wait for the end of a request that this side has given up. */
  async #leaveSession(): Promise<void> {
    this.#stuck = 0;
    this.#session.forget();
    await this.#findPlace();
  }

  /**
   * It did not say that it stored the blob. A registry may store under another algorithm than asked; then the address we need
   * does not exist [distribution-spec pushing blobs].
   */
  async #checkStored(): Promise<void> {
    const { descriptor, options } = this.#parts;
    const stored = this.#session.storedDigest;
    // It does not say what it has checked.
    await this.#readAgain();
    if (stored === undefined) return;
    if (await hasBlob(this.#access, descriptor, options)) return;
    throw new HubError('UNSUPPORTED', `${this.#access.name} stored blob ${descriptor.digest} as ${stored}`, {
      hint: `the registry does not keep ${algorithmOf(descriptor.digest)} content`,
    });
  }

  #givenUp(response: HttpResponse | undefined): HubError {
    const { digest } = this.#parts.descriptor;
    const answer = response ? `${response.url.host} answered ${response.status}` : 'it did not get through';
    const what = `push blob ${digest} to ${this.#access.name}`;
    return new HubError('SERVER_ERROR', `${what}: ${answer} (${this.#failures} tries)`, {
      hint: 'the registry keeps failing; what it has already is not sent again next time',
      details: { status: response?.status },
    });
  }
}

/** The same content; calls `act` once, when it takes its time. */
function afterAWhile(content: Content, act: () => void): Content {
  const { verified, isPart, lasting } = content;
  const since = performance.now();
  let isDone = false;
  return {
    verified,
    isPart,
    lasting,
    cancel: () => content.cancel(),
    forEach: (consume) =>
      content.forEach((chunk) => {
        if (!isDone && performance.now() - since > TAKES_TIME) {
          isDone = true;
          act();
        }
        return consume(chunk);
      }),
  };
}

function triedTwice(error: HubError): HubError {
  const { code, hint, details } = error;
  return new HubError(code, `${error.message} (${SILENCES} tries)`, { cause: error, hint, details });
}
