// What does a program get that wants to send HTTP requests?
import { systemClock, systemRandom, type Clock } from './clock.ts';
import type { DialledAhead } from './dial-ahead.ts';
import { createGate } from './gate.ts';
import { stack, type Layer, type Send } from './layer.ts';
import type { Lookup } from './dial.ts';
import type { ProxyOptions } from './proxy.ts';
import { limitRate } from './rate.ts';
import { redactUrl } from './redact.ts';
import { redirect } from './redirect.ts';
import { retry, type RetryEvent } from './retry.ts';
import type { TlsOptions } from './tls.ts';
import { trace } from './trace.ts';
import type { ThreadsOptions } from './threads.ts';
import { createTransport } from './transport.ts';
import { tellWaiting, type WaitingEvent } from './waiting.ts';

/** Milliseconds. */
export interface HttpTimeouts {
  /** For each address of a host, and for a name lookup; 10,000 by default. */
  readonly connect?: number | undefined;
  /** For a TLS handshake; 10,000 by default. */
  readonly handshake?: number | undefined;
  /** Until the headers of an answer are there; 25,000 by default. */
  readonly headers?: number | undefined;
  /** Between two pieces of an answer; 30,000 by default. */
  readonly body?: number | undefined;
  /** For which an upload may stand still; 30,000 by default. */
  readonly upload?: number | undefined;
  /** For requests that ask for more time than usual, since the registry checks what it was sent; as they say by default. */
  readonly commit?: number | undefined;
}

export interface HttpOptions {
  readonly userAgent: string;
  readonly tls?: TlsOptions | undefined;
  readonly proxy?: ProxyOptions | undefined;
  /** True for a host (`example.com:5000`) whose certificate is not checked, and to which plain http may be spoken. */
  readonly insecure?: ((host: string) => boolean) | undefined;
  /** Own headers for a host, names in lower case. They never reach another host. */
  readonly extraHeaders?: ((host: string) => Readonly<Record<string, string>>) | undefined;
  readonly timeouts?: HttpTimeouts | undefined;
  /** Bytes per second for all bodies together. */
  readonly limitRate?: number | undefined;
  readonly trace?: ((line: string) => void) | undefined;
  /** Called before each wait. */
  readonly onRetry?: ((event: RetryEvent) => void) | undefined;
  /** Called every ten seconds while a registry checks what it was sent. */
  readonly onWaiting?: ((event: WaitingEvent) => void) | undefined;
  /** Attempts per request, 6 by default. */
  readonly tries?: number | undefined;
  /** Longest wait, in milliseconds, that a server may ask for with Retry-After; 300,000 by default. */
  readonly retryMaxWait?: number | undefined;
  /** Connections at a time to one origin, 16 by default. */
  readonly connections?: number | undefined;
  /** Threads for answers that go into files; none when false, or when a rate is to be kept. */
  readonly threads?: Partial<ThreadsOptions> | false | undefined;
  /** Adds credentials; sits inside redirects, so that it sees every hop. */
  readonly authenticate?: Layer | undefined;
  /** A connection that was begun before; whoever needs one to its host uses it. */
  readonly ahead?: DialledAhead | undefined;
  /** For tests. */
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
  readonly lookup?: Lookup | undefined;
}

export interface Http {
  readonly send: Send;
  /** Opens connections ahead of the requests that will need them. Never throws. */
  warm(url: URL, count: number): Promise<void>;
  /** Milliseconds that the quickest answer of a host (`example.com:5000`) took to begin; undefined before there was one. */
  delay(host: string): number | undefined;
  /** Closes every connection, so that the process can end. */
  close(): Promise<void>;
  /** Enough before a process ends anyway, which closes connections sooner than this program can. */
  leave(): Promise<void>;
}

/** A client with all policies, outermost first: retry, redirect, credentials, waiting for closed hosts, rate limit, trace. */
export function createHttp(options: HttpOptions): Http {
  const { clock = systemClock, random = systemRandom, timeouts = {} } = options;
  const transport = createTransport({
    ...options,
    clock,
    connectTimeout: timeouts.connect,
    handshakeTimeout: timeouts.handshake,
    headersTimeout: timeouts.headers,
    bodyTimeout: timeouts.body,
    uploadTimeout: timeouts.upload,
    // A rate is kept where the bytes pass.
    threads: options.limitRate === undefined ? options.threads : false,
  });
  const gate = createGate(clock);
  const layers: readonly (Layer | undefined)[] = [
    retry({ ...options, clock, random, gate, maxWait: options.retryMaxWait, show: redactUrl }),
    redirect(),
    options.authenticate,
    gate.layer,
    options.onWaiting && tellWaiting(options.onWaiting),
    options.limitRate === undefined ? undefined : limitRate(options.limitRate, clock),
    options.trace && trace(options.trace, clock),
  ];
  const send = stack(
    timeouts.commit === undefined ? transport.send : committing(transport.send, timeouts.commit),
    layers.filter((layer): layer is Layer => layer !== undefined),
  );
  return { ...transport, send };
}

function committing(send: Send, commit: number): Send {
  return async (request) =>
    send(request.headersTimeout === undefined ? request : { ...request, headersTimeout: commit });
}
