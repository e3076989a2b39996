// Who waits at the other end of a redirect, a location or a link, and what did they get to see?
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

export interface EvilOptions {
  readonly tls: { readonly key: string; readonly cert: string };
  /** The `WWW-Authenticate` it greets everybody with. */
  readonly challenge: () => string;
}

/** A server that writes down everything it is told, and asks for more. */
export interface Evil {
  readonly port: number;
  /** Where it speaks plain http. */
  readonly plainPort: number;
  /** Requests, with all their headers and bodies. */
  readonly heard: readonly Heard[];
  stop(): Promise<void>;
}

export interface Heard {
  readonly text: string;
  bodyBytes: number;
}

export async function startEvil({ tls, challenge }: EvilOptions): Promise<Evil> {
  const heard: Heard[] = [];
  const sockets = new Set<Socket>();
  const listen = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    const entry = {
      get text() {
        return `${incoming.method} ${incoming.url}\n${incoming.rawHeaders.join('\n')}\n${Buffer.concat(chunks).toString('latin1')}`;
      },
      bodyBytes: 0,
    };
    heard.push(entry);
    for await (const chunk of incoming as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      entry.bodyBytes += chunk.length;
    }
    outgoing.writeHead(401, { 'www-authenticate': challenge(), 'content-type': 'application/json' });
    outgoing.end('{"errors":[{"code":"UNAUTHORIZED","message":"tell me who you are"}]}');
  };
  const listener = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    listen(incoming, outgoing).catch(() => outgoing.destroy());
  };
  const servers = [createTlsServer(tls, listener), createServer(listener)] as const;
  const ports = await Promise.all(
    servers.map(async (server) => {
      server.on('connection', (socket: Socket) => {
        sockets.add(socket);
        socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      return (server.address() as AddressInfo).port;
    }),
  );
  return {
    port: ports[0] ?? 0,
    plainPort: ports[1] ?? 0,
    heard,
    stop: async () => {
      for (const server of servers) server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
