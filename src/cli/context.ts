// What does a command work with?
import type { CredentialAccess } from '../credentials/access.ts';
import type { RegistryClient } from '../endpoints/registry/client.ts';
import type { Store } from '../endpoints/store/store.ts';
import type { HttpOptions } from '../http/client.ts';
import type { Io } from './io.ts';
import type { Output } from './output/output.ts';

export interface Settings {
  readonly storeDir: string;
  /** Transfers at once per registry host. */
  /** Transfers at once, when the user said so. */
  readonly concurrency: number | undefined;
  readonly debug: boolean;
  readonly authfile: string | undefined;
}

export interface Context {
  readonly io: Io;
  readonly signal: AbortSignal;
  readonly settings: Settings;
  readonly output: Output;
  /** The local image store, opened on first use. */
  store(): Promise<Store>;
  /** Registries over HTTP with the credentials, proxies and certificates of this user; built on first use. */
  registries(): Promise<RegistryClient>;
  /** Credential stores of this user; built on first use. */
  credentials(): Promise<CredentialAccess>;
  /** How requests to a host are sent, but for the credentials: what a diagnosis looks at. */
  network(host: string): Promise<HttpOptions>;
  /** Forgets the tokens kept for a registry, or for all of them. */
  forgetTokens(registry?: string): Promise<void>;
  /** Notes the origin of a token service that was accepted for a registry. */
  acceptRealm(registry: string, realm: string): Promise<void>;
  /** Closes connections and stores that were opened. Safe to call when nothing was. */
  close(): Promise<void>;
}
