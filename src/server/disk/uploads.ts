// Which uploads are under way, and which were given up?
import { randomBytes } from 'node:crypto';
import { writeFile, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { isRepository } from '../../spec/reference.ts';
import { isErrno, lstatIfExists, namesIn, removeIfExists, storageError } from '../../util/fs.ts';
import { now } from '../../util/machine.ts';
import { refusal } from '../wire.ts';
import type { SmallFiles } from './files.ts';
import type { RegistryPaths } from './paths.ts';
import { Upload, type UploadPlace } from './upload.ts';

interface UploadLimits {
  /** Sessions that may be open at once; more would fill the disk. */
  readonly open: number;
  /** Sessions whose running hash is kept in memory. */
  readonly known: number;
}

const LIMITS: UploadLimits = { open: 10_000, known: 1000 };
const ID = /^[a-f0-9]{32}$/;
const ALGORITHMS: ReadonlySet<string> = new Set(['sha256', 'sha512']);

/** Sessions by id. They outlive the process; only their running hash does not. */
export class Uploads {
  readonly #paths: RegistryPaths;
  readonly #files: SmallFiles;
  readonly #limits: UploadLimits;
  readonly #known = new Map<string, Upload>();
  #open = 0;

  constructor(paths: RegistryPaths, files: SmallFiles, limits: UploadLimits = LIMITS) {
    this.#paths = paths;
    this.#files = files;
    this.#limits = limits;
  }

  /** Makes the folder and counts what an earlier process left. */
  async begin(): Promise<void> {
    try {
      await mkdir(this.#paths.uploads, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw storageError(error, `cannot create ${this.#paths.uploads}`);
    }
    this.#open = (await this.#ids()).size;
  }

  /** A new empty session. Throws TOOMANYREQUESTS when too many are open, DIGEST_INVALID for an unknown algorithm. */
  async start(repository: string, algorithm = 'sha256'): Promise<Upload> {
    if (!ALGORITHMS.has(algorithm)) {
      throw refusal('DIGEST_INVALID', { message: 'the digest algorithm is not one of sha256 or sha512' });
    }
    if (this.#open >= this.#limits.open) {
      throw refusal('TOOMANYREQUESTS', { message: `${this.#limits.open} uploads are open already` });
    }
    const place = this.#place(randomBytes(16).toString('hex'), repository, algorithm);
    this.#open += 1;
    try {
      await (await open(place.data, 'wx', 0o600)).close();
      // Not synced: a session that a power cut takes is only begun again.
      await writeFile(place.state, JSON.stringify({ repository, algorithm }), { flag: 'wx', mode: 0o600 });
    } catch (error) {
      this.#open -= 1;
      throw storageError(error, `cannot write ${place.state}`);
    }
    return this.#keep(new Upload(place, { fresh: true }));
  }

  /** Throws BLOB_UPLOAD_UNKNOWN for a session of another repository, or that has ended. */
  async find(repository: string, id: string): Promise<Upload> {
    const upload = this.#known.get(id) ?? (await this.#load(id));
    if (upload?.repository !== repository) throw refusal('BLOB_UPLOAD_UNKNOWN');
    return this.#keep(upload);
  }

  /** Ends a session, whether its content was taken or is given up. */
  async end(upload: Upload): Promise<void> {
    this.#known.delete(upload.id);
    // Whoever failed may end what was ended already; it counts once.
    if (await upload.end()) this.#open = Math.max(0, this.#open - 1);
  }

  /** Ends sessions that got no byte for `age` milliseconds. */
  async sweep(age: number): Promise<void> {
    const ids = await this.#ids();
    for (const id of ids) {
      const { data, state } = this.#place(id, '', 'sha256');
      const stats = (await lstatIfExists(data)) ?? (await lstatIfExists(state));
      if (stats && now() - stats.mtimeMs <= age) continue;
      this.#known.delete(id);
      await this.#remove(data, state);
    }
    this.#open = (await this.#ids()).size;
  }

  async #remove(...paths: readonly string[]): Promise<void> {
    for (const path of paths) {
      try {
        await removeIfExists(path);
      } catch (error) {
        if (!isErrno(error, 'ENOENT')) throw storageError(error, `cannot remove ${path}`);
      }
    }
  }

  async #ids(): Promise<Set<string>> {
    const names = await namesIn(this.#paths.uploads);
    return new Set(names.map((name) => name.slice(0, 32)).filter((id) => ID.test(id)));
  }

  async #load(id: string): Promise<Upload | undefined> {
    if (!ID.test(id)) return undefined;
    const { repository, algorithm } = (await this.#files.read(join(this.#paths.uploads, `${id}.json`))) ?? {};
    if (typeof repository !== 'string' || !isRepository(repository)) return undefined;
    if (typeof algorithm !== 'string' || !ALGORITHMS.has(algorithm)) return undefined;
    return new Upload(this.#place(id, repository, algorithm), { fresh: false });
  }

  /** The one used last comes last; the first is forgotten when there are too many, and read from disk when asked for. */
  #keep(upload: Upload): Upload {
    this.#known.delete(upload.id);
    this.#known.set(upload.id, upload);
    if (this.#known.size > this.#limits.known) {
      const [oldest] = this.#known.keys();
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    return upload;
  }

  #place(id: string, repository: string, algorithm: string): UploadPlace {
    const stem = join(this.#paths.uploads, id);
    return { id, repository, algorithm, data: `${stem}.data`, state: `${stem}.json` };
  }
}
