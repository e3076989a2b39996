// What is written down about each request?

export interface AccessEntry {
  readonly remote: string;
  /** The account; undefined where nobody logs in. */
  readonly user: string | undefined;
  readonly method: string;
  /** Path and query as sent; untrusted text. */
  readonly target: string;
  readonly status: number;
  /** Bytes of the answer's body, and of the request's as far as it was read. */
  readonly sent: number;
  readonly received: number;
  /** From the first byte of the request to the last of the answer. */
  readonly milliseconds: number;
  readonly agent: string;
  /** True when the answer never arrived as a whole. */
  readonly aborted: boolean;
}

export type OnAccess = (entry: AccessEntry) => void;
