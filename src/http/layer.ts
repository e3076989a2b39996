// What is a request, what is an answer, and how do policies stack around sending one?
import type { Content } from '../util/content.ts';

export type HttpMethod = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** A body that can be sent again: `open` is called once per attempt. `length` is in bytes. */
export interface HttpBody {
  readonly length: number;
  open(): Promise<Content>;
}

export interface HttpRequest {
  readonly method: HttpMethod;
  readonly url: URL;
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: HttpBody | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Token scopes the request needs, the most important first; see auth/. */
  readonly scopes?: readonly string[] | undefined;
  /** False for a request that must not be sent twice without asking first. GET, HEAD, PUT, DELETE and POST default to true, PATCH to false. */
  readonly repeatable?: boolean | undefined;
  /**
   * Asked before a request whose answer was lost is sent again: an answer that makes that needless, undefined when there
   * is none.
   */
  readonly settled?: (() => Promise<HttpResponse | undefined>) | undefined;
  /** True after an answer turned out to be damaged: no connection that there is now is used again, for this or another request. */
  readonly fresh?: boolean | undefined;
  /** `manual` gives the 3xx answer to the caller. */
  readonly redirect?: 'follow' | 'manual' | undefined;
  /**
   * For an answer that is small and needed in one piece: when its body breaks off, the request is sent again. `limit` is in
   * bytes; a longer one is CONTENT_INVALID, and `what` names it.
   */
  readonly whole?: { readonly limit: number; readonly what: string } | undefined;
  /** Bytes of the answer's body at most, where that is known: short answers may share a connection. */
  readonly expected?: number | undefined;
  /** Milliseconds without a byte of answer after the request was sent; 25,000 by default. */
  readonly headersTimeout?: number | undefined;
  /** How often at most that time is waited for in vain: 2 by default, and 6 for answers of more than 1 MiB. */
  readonly silences?: number | undefined;
  /**
   * True when no credentials may be sent, not even to this origin. With `scopes`, a token that anybody may have is fetched
   * when the host asks for one; without, its 401 is the answer.
   */
  readonly anonymous?: boolean | undefined;
  /**
   * The server that named this host, when the user did not. This machine and link-local addresses are then out of reach,
   * unless that server is on this machine itself.
   */
  readonly namedBy?: URL | undefined;
}

export interface HttpHeaders {
  /** Value of a header (name in lower case), several joined by `, `. */
  get(name: string): string | undefined;
  /** Every value of a header that may be repeated. */
  all(name: string): readonly string[];
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: HttpHeaders;
  /** Where the answer came from, after redirects. */
  readonly url: URL;
  /** Must be drained or cancelled. */
  readonly body: Content;
  /** How often the request was sent until this answer came, when more than once. */
  readonly tries?: number | undefined;
  /** Of a refusal: whose credentials were sent, and where they came from. For people. */
  readonly account?: string | undefined;
}

/** Sends a request and gives any answer, whatever its status. Throws UNREACHABLE, TIMEOUT, TLS, ABORTED. */
export type Send = (request: HttpRequest) => Promise<HttpResponse>;

/** A policy around sending. */
export type Layer = (next: Send) => Send;

/** Applies layers so that the first one sees a request first. */
export function stack(send: Send, layers: readonly Layer[]): Send {
  return layers.reduceRight((next, layer) => layer(next), send);
}
