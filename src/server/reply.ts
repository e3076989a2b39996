// What do handlers get to see of a request, and what do they answer?
import type { IncomingHttpHeaders } from 'node:http';
import type { Content } from '../util/content.ts';
import type { Body } from './body.ts';
import type { RegistryContents } from './contents.ts';
import type { RegistryDir } from './disk/registry-dir.ts';

export interface Reply {
  readonly status: number;
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>> | undefined;
  /** Text or bytes, whose length becomes a header; a content says its own length in the headers. */
  readonly body?: string | Uint8Array | Content | undefined;
}

export interface RegistryRequest {
  readonly method: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Body;
  /** Aborted when the client goes away or the registry stops. */
  readonly signal: AbortSignal;
}

/** What a registry answers from and writes to. */
export interface RegistryPlace {
  readonly contents: RegistryContents;
  readonly dir: RegistryDir;
  readonly readOnly: boolean;
  readonly allowDelete: boolean;
  /** Bytes that all chunks of an upload but the last must have; any size is taken when undefined. */
  readonly chunkMinLength?: number | undefined;
}

/** JSON with its content type. */
export function jsonReply(value: unknown, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status: 200, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(value) };
}
