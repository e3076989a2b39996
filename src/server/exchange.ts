// What happens to one request from its arrival to the line in the log?
import type { IncomingMessage, ServerResponse } from 'node:http';
import { HubError } from '../errors.ts';
import type { AccessEntry, OnAccess } from './access-log.ts';
import { answer } from './answer.ts';
import { authorize } from './authorize.ts';
import { Body, type BodyLimits } from './body.ts';
import type { Accounts } from './htpasswd.ts';
import type { RegistryPlace, Reply } from './reply.ts';
import { routeOf, targetOf } from './routes.ts';
import { sendReply } from './send.ts';
import { isRefusal, refusal, wireAnswer } from './wire.ts';

export interface ExchangeOptions {
  readonly place: RegistryPlace;
  readonly accounts: Accounts | undefined;
  readonly bodyLimits: BodyLimits;
  readonly onAccess: OnAccess | undefined;
  /** Told of failures that are nobody's fault but this machine's. */
  readonly onFailure: ((error: unknown, request: string) => void) | undefined;
  /** The client waits for a word before it sends the body (`Expect: 100-continue`). */
  readonly expectsContinue?: boolean | undefined;
}

/** Milliseconds in which a client may finish sending what nobody wants any more. */
const DRAIN = 5000;

/** Answers one request, whatever it is. Never rejects. */
export async function exchange(
  incoming: IncomingMessage,
  response: ServerResponse,
  options: ExchangeOptions,
): Promise<void> {
  const started = performance.now();
  // A connection that is closed does not tell any more.
  const { remoteAddress: remote = '-' } = incoming.socket;
  const controller = new AbortController();
  response.once('close', () => controller.abort(new HubError('ABORTED', 'the client went away')));
  response.setHeader('docker-distribution-api-version', 'registry/2.0');
  response.setHeader('x-content-type-options', 'nosniff');
  const told: Told = {};
  let aborted = false;
  try {
    const reply = await replyTo(incoming, {
      ...options,
      signal: controller.signal,
      told,
      onBody: options.expectsContinue === true ? () => response.writeContinue() : undefined,
    });
    if (!incoming.complete) hangUpLater(incoming, response);
    await sendReply(response, reply, { head: incoming.method === 'HEAD' });
  } catch (error) {
    aborted = true;
    response.destroy();
    if (!isTheirs(error)) options.onFailure?.(error, nameOf(incoming));
  }
  options.onAccess?.(entryOf({ incoming, response, remote, told, started, aborted }));
}

/** A client that went away, also before it could hear that it asked for the wrong thing, is no failure of ours. */
function isTheirs(error: unknown): boolean {
  return isRefusal(error) || HubError.is(error, 'UNREACHABLE') || HubError.is(error, 'ABORTED');
}

/** Filled in for the log. */
interface Told {
  user?: string | undefined;
  body?: Body;
}

interface Answering extends ExchangeOptions {
  readonly signal: AbortSignal;
  readonly told: Told;
  readonly onBody: (() => void) | undefined;
}

/** Failures become answers here, but for those of a client that is no longer there to hear one. */
async function replyTo(incoming: IncomingMessage, options: Answering): Promise<Reply> {
  try {
    return await handle(incoming, options);
  } catch (error) {
    if (incoming.socket.destroyed || (incoming.destroyed && !incoming.complete)) throw error;
    if (!isRefusal(error) && !HubError.is(error, 'NOT_FOUND')) options.onFailure?.(error, nameOf(incoming));
    return wireAnswer(error);
  }
}

async function handle(incoming: IncomingMessage, options: Answering): Promise<Reply> {
  const { headers, method = 'GET', url = '/' } = incoming;
  // Pages of the web must not be able to use a registry through the browser of somebody who can reach it.
  if (headers.origin !== undefined) throw refusal('DENIED', { message: 'requests of web pages are not answered' });
  options.told.user = await authorize(headers, options.accounts);
  const { path, query } = targetOf(url);
  const route = routeOf(path);
  if (!route) return { status: 404, headers: { 'content-type': 'text/plain' }, body: '404 page not found\n' };
  const body = new Body(incoming, options.bodyLimits, options.onBody);
  options.told.body = body;
  return answer({ method, query, headers, body, signal: options.signal }, route, options.place);
}

/** The client still sends. It may need to in order to read the answer, but not for long. */
function hangUpLater(incoming: IncomingMessage, response: ServerResponse): void {
  response.setHeader('connection', 'close');
  incoming.resume();
  const timer = setTimeout(() => incoming.socket.destroy(), DRAIN);
  incoming.socket.once('close', () => clearTimeout(timer));
}

interface Exchanged {
  readonly incoming: IncomingMessage;
  readonly response: ServerResponse;
  readonly remote: string;
  readonly told: Told;
  readonly started: number;
  readonly aborted: boolean;
}

function entryOf({ incoming, response, remote, told, started, aborted }: Exchanged): AccessEntry {
  return {
    remote,
    user: told.user,
    method: incoming.method ?? '-',
    target: incoming.url ?? '-',
    status: response.statusCode,
    sent: incoming.method === 'HEAD' ? 0 : Number(response.getHeader('content-length') ?? 0),
    received: told.body?.received ?? 0,
    milliseconds: Math.round(performance.now() - started),
    agent: incoming.headers['user-agent'] ?? '-',
    aborted,
  };
}

function nameOf({ method = '-', url = '-' }: IncomingMessage): string {
  return `${method} ${url}`;
}
