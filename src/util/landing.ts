// Where can content go without passing through the thread that asked for it?

/** A file that is being filled, which somebody else may write to at positions, and hash while it grows. */
export interface Landing {
  readonly fd: number;
  /** For messages. */
  readonly path: string;
  /** Bytes of the whole file. */
  readonly size: number;
  /** Of the hash that the whole is to have: `sha256`. */
  readonly algorithm: string;
  /** Whoever fills the file offers to hash it as well. False when it is being hashed already; then the offer is void. */
  adopt(hash: FileHash): boolean;
}

/** The hash of one file that is being written, made somewhere else. */
export interface FileHash {
  /** Bytes up to `prefix` can be read. */
  advance(prefix: number): void;
  /** All bytes are there. Gives their hash in hex; undefined when that failed, so that it has to be done elsewhere. */
  finish(size: number): Promise<string | undefined>;
  /** Resolves when the file is not read any more. */
  stop(): Promise<void>;
}
