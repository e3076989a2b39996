// Which failures can hubctl name, how does each end a command, and may it be tried again?

interface CodeFacts {
  /** Exit status of a command that ends with this error. */
  readonly exit: number;
  /** True when the same request may succeed later without anything being changed. */
  readonly retryable?: true;
  /** One line for `hubctl help errors`. */
  readonly meaning: string;
  /** The next step, where the one who threw the error knows no better. */
  readonly next?: string;
}

/** Every error code, once: exit status, whether waiting may help, and what it means. */
export const ERROR_CODES = {
  FAILED: { exit: 1, meaning: 'the operation failed for a reason without a code of its own' },
  PARTIAL: { exit: 1, meaning: 'some of several references failed' },
  USAGE: { exit: 2, meaning: 'the command line is not understood' },
  REFERENCE_INVALID: { exit: 2, meaning: 'an image reference, tag, digest or platform is malformed' },
  CONFIG_INVALID: { exit: 2, meaning: 'a configuration file cannot be understood' },
  NOT_FOUND: { exit: 3, meaning: 'the image, repository, blob or local name does not exist' },
  UNAUTHORIZED: {
    exit: 4,
    meaning: 'the registry wants a login, or refused the one it got',
    next: 'log in with: hubctl login',
  },
  DENIED: { exit: 4, meaning: 'the account may not do this', next: 'see who you are with: hubctl auth ls' },
  CREDENTIALS_UNAVAILABLE: { exit: 4, meaning: 'the keychain or credential helper cannot be used' },
  RATE_LIMITED: {
    exit: 5,
    retryable: true,
    meaning: 'the registry limits requests or pulls',
    next: 'wait a while, or log in, which raises the limit of most registries',
  },
  UNREACHABLE: {
    exit: 6,
    retryable: true,
    meaning: 'the host cannot be reached or broke the connection',
    next: 'check the network, then run the same command again; what was received is kept',
  },
  TIMEOUT: {
    exit: 6,
    retryable: true,
    meaning: 'the host did not answer in time',
    next: 'run the same command again; what was received is kept',
  },
  SERVER_ERROR: {
    exit: 6,
    retryable: true,
    meaning: 'the registry failed or answered nonsense',
    next: 'the registry or a proxy before it has a problem; try again in a while',
  },
  TLS: {
    exit: 6,
    meaning: 'the TLS connection could not be trusted or made',
    next: 'check the address and the certificates of this machine',
  },
  DIGEST_MISMATCH: {
    exit: 7,
    meaning: 'content differs from its digest or size; nothing was stored',
    next: 'nothing was stored; if it happens again, something on the way changes content',
  },
  CONTENT_INVALID: {
    exit: 7,
    meaning: 'content has its digest but is not a valid manifest, config or archive',
    next: 'nothing was stored; tell whoever made the image',
  },
  UNSUPPORTED: {
    exit: 8,
    meaning: 'the registry, this Node.js or this version of hubctl cannot do it',
    next: 'ask whoever runs the registry',
  },
  CONFLICT: { exit: 8, meaning: 'something is in the way, such as an immutable tag' },
  LOCKED: { exit: 8, retryable: true, meaning: 'another process holds what is needed' },
  REFUSED: { exit: 8, meaning: 'a safety rule forbids it', next: 'nothing was sent; tell whoever runs the registry' },
  STORAGE: {
    exit: 9,
    meaning: 'the disk is full, read-only or damaged',
    next: 'make room, or choose another store with --store',
  },
  ABORTED: { exit: 130, meaning: 'interrupted; partial downloads are kept for resume' },
} as const;

/** 128 and the number of the signal, as shells have it. */
const SIGNAL_EXITS: Readonly<Record<string, number>> = { SIGTERM: 143, SIGHUP: 129 };

export type ErrorCode = keyof typeof ERROR_CODES;

export interface HubErrorOptions {
  readonly cause?: unknown;
  /** The next step for the person who reads the message. */
  readonly hint?: string | undefined;
  /** Facts for programs: reference, host, status, code of the registry, expected and actual digest ... Never a secret. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

/** The one error class of hubctl. Anything else that is thrown is a bug. */
export class HubError extends Error {
  override readonly name: string = 'HubError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: HubErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.hint = options.hint;
    this.details = options.details ?? {};
  }

  /** Exit status of a command that ends with this error; that of a signal other than SIGINT comes from `details.signal`. */
  get exitCode(): number {
    const bySignal = this.code === 'ABORTED' ? SIGNAL_EXITS[String(this.details['signal'])] : undefined;
    return bySignal ?? this.#facts.exit;
  }

  /** `hint`, else what helps against most errors of this code. */
  get next(): string | undefined {
    return this.hint ?? this.#facts.next;
  }

  get retryable(): boolean {
    return this.#facts.retryable === true;
  }

  get #facts(): CodeFacts {
    return ERROR_CODES[this.code];
  }

  /** Works across copies of the package, where `instanceof` does not. */
  static is(error: unknown, code?: ErrorCode): error is HubError {
    return (
      error instanceof Error &&
      error.name === 'HubError' &&
      'code' in error &&
      (code === undefined || error.code === code)
    );
  }
}
