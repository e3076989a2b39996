// What does a command see of the world outside? Everything arrives here, so that tests can supply it.
import type { Readable, Writable } from 'node:stream';
import type { NetworkOptions } from '../defaults.ts';

export interface InputStream extends Readable {
  readonly isTTY?: boolean;
  setRawMode?(raw: boolean): unknown;
}

export interface OutputStream extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** The user's home directory. */
  readonly home: string;
  /** `process.platform` and `process.arch`. */
  readonly platform: string;
  readonly arch: string;
  /** `process.version`. */
  readonly nodeVersion?: string | undefined;
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  /** Clock and time limits of the network; tests cannot wait as long as people do. */
  readonly network?: NetworkOptions | undefined;
  /** Aborted with a HubError ABORTED as its reason on Ctrl-C, SIGTERM and SIGHUP. */
  readonly signal: AbortSignal;
  /** The process ends with the command. */
  readonly processEnds?: boolean | undefined;
}
