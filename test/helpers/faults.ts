// Which requests to a test server fail, and how?

export interface Match {
  readonly method?: string;
  /** Part of path and query, or a pattern for it. */
  readonly path?: string | RegExp;
  /** Request headers that must be there with a value that fits. */
  readonly headers?: Readonly<Record<string, RegExp>>;
  /** Only the nth request that matches, counted from 1. */
  readonly nth?: number;
}

/** What goes wrong. Several things may go wrong at once, such as `wait` and `truncate`. Sizes are bytes. */
export interface Fault {
  /** The request is looked at only after this has settled. */
  readonly wait?: Promise<unknown>;
  /** The connection is reset before anything is read or done. */
  readonly reset?: boolean;
  /** The connection is reset after so many bytes of the request's body; the server keeps what it received. */
  readonly resetRequestAfter?: number;
  /** Answered with this status, `headers` and `body`; the registry does nothing. */
  readonly status?: number;
  /** The request is carried out, but its answer is lost: the connection is reset. */
  readonly lostReply?: boolean;
  /** The request is carried out, and answered after this has settled. */
  readonly waitReply?: Promise<unknown>;
  /** The request is carried out, and answered with another status. */
  readonly replyStatus?: number;
  /** Headers of the answer, in addition to or instead of its own. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly withoutHeaders?: readonly string[];
  /** Instead of the body of the answer. */
  readonly body?: Buffer | string;
  /** A clean answer that is too short: Content-Length agrees with what is sent. */
  readonly truncate?: number;
  /** Content-Length is right, but the connection ends after so many bytes. */
  readonly closeAfter?: number;
  /** As `closeAfter`, with a reset. */
  readonly resetAfter?: number;
  /** So many bytes are sent, then nothing for as long as the connection lasts. */
  readonly stallAfter?: number;
  /** One bit is wrong at this offset. */
  readonly corrupt?: number;
  /** More bytes than there should be. */
  readonly append?: Buffer;
  /** Without Content-Length. */
  readonly chunked?: boolean;
}

export interface FaultRule {
  readonly match: Match;
  readonly fault: Fault;
  /** How often it may still be used. */
  left: number;
  /** How many requests matched, whether it was used or not. */
  seen: number;
}

interface Subject {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** The fault of the first rule that matches and is not used up. */
export function pickFault(rules: readonly FaultRule[], subject: Subject): Fault | undefined {
  for (const rule of rules) {
    if (rule.left <= 0 || !matches(rule.match, subject)) continue;
    rule.seen += 1;
    if (rule.match.nth !== undefined && rule.match.nth !== rule.seen) continue;
    rule.left -= 1;
    return rule.fault;
  }
  return undefined;
}

function matches({ method, path, headers = {} }: Match, subject: Subject): boolean {
  if (method !== undefined && method !== subject.method) return false;
  if (typeof path === 'string' && !subject.path.includes(path)) return false;
  if (path instanceof RegExp && !path.test(subject.path)) return false;
  return Object.entries(headers).every(([name, pattern]) => pattern.test(String(subject.headers[name] ?? '')));
}

/** Which bytes of a body are sent, which length is declared, and how the answer ends. */
export function applyToBody(
  whole: Buffer,
  fault: Fault,
): { declared: number; sent: Buffer; ending: 'end' | 'close' | 'reset' | 'stall' } {
  let bytes = whole;
  if (fault.corrupt !== undefined && fault.corrupt < whole.length) {
    bytes = Buffer.from(whole);
    bytes.writeUInt8(bytes.readUInt8(fault.corrupt) ^ 1, fault.corrupt);
  }
  if (fault.append) bytes = Buffer.concat([bytes, fault.append]);
  if (fault.truncate !== undefined) bytes = bytes.subarray(0, fault.truncate);
  const declared = bytes.length;
  if (fault.closeAfter !== undefined) return { declared, sent: bytes.subarray(0, fault.closeAfter), ending: 'close' };
  if (fault.resetAfter !== undefined) return { declared, sent: bytes.subarray(0, fault.resetAfter), ending: 'reset' };
  if (fault.stallAfter !== undefined) return { declared, sent: bytes.subarray(0, fault.stallAfter), ending: 'stall' };
  return { declared, sent: bytes, ending: 'end' };
}
