// How does an answer get to the client, without gathering it and without waiting for ever?
import type { ServerResponse } from 'node:http';
import { HubError } from '../errors.ts';
import type { Content } from '../util/content.ts';
import type { Reply } from './reply.ts';

/** Writes head and body. Resolves when all of it was handed to the system. Throws UNREACHABLE when the client went away. */
export async function sendReply(response: ServerResponse, reply: Reply, { head }: { head: boolean }): Promise<void> {
  const { status, headers = {}, body } = reply;
  if (isContent(body)) {
    response.writeHead(status, headersOf(headers));
    return sendContent(response, body);
  }
  const bytes = body === undefined ? undefined : Buffer.from(body);
  // HEAD, and a body that is only announced, bring their own length.
  const length =
    status === 204 || status === 304 || 'content-length' in headers ? {} : { 'content-length': bytes?.length ?? 0 };
  response.writeHead(status, { ...headersOf(headers), ...length });
  await end(response, head ? undefined : bytes);
}

async function sendContent(response: ServerResponse, content: Content): Promise<void> {
  try {
    await content.forEach((chunk) => write(response, chunk));
    await end(response, undefined);
  } catch (error) {
    content.cancel();
    // Half an answer must not look like a whole one.
    response.destroy();
    throw error;
  }
}

/** Chunks may be reused as soon as this resolves. */
function write(response: ServerResponse, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    if (response.destroyed) return reject(gone());
    const onClose = (): void => reject(gone());
    response.once('close', onClose);
    response.write(chunk, (error) => {
      response.removeListener('close', onClose);
      if (error) reject(gone(error));
      else resolve();
    });
  });
}

function end(response: ServerResponse, bytes: Buffer | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (response.destroyed) return reject(gone());
    response.once('close', () => (response.writableFinished ? resolve() : reject(gone())));
    response.once('finish', () => resolve());
    if (bytes === undefined) response.end();
    else response.end(bytes);
  });
}

function isContent(body: Reply['body']): body is Content {
  return typeof body === 'object' && 'forEach' in body && 'cancel' in body;
}

function headersOf(headers: Readonly<Record<string, string | readonly string[]>>): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? value : [...value]]),
  );
}

function gone(cause?: Error): HubError {
  return new HubError('UNREACHABLE', 'the client went away before the answer was complete', { cause });
}
