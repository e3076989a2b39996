// What can be asked of a registry as a whole?
import { HubError } from '../../errors.ts';
import type { HttpResponse, Send } from '../../http/layer.ts';
import type { CallOptions } from '../../transfer/endpoint.ts';
import { namePages } from './pages.ts';

export interface HostOptions {
  /** Canonical name: `docker.io`, `localhost:5000`. */
  readonly name: string;
  readonly send: Send;
  /** Sends without the user's stored credentials, for a login that checks new ones. */
  readonly sendAnonymous: Send;
  readonly base: () => Promise<URL>;
}

export interface GetOptions extends CallOptions {
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly scopes?: readonly string[] | undefined;
}

/** A registry: `name` is how people write it, `base()` where it is reached. */
export class RegistryHost {
  readonly name: string;
  readonly send: Send;
  readonly sendAnonymous: Send;
  readonly #base: () => Promise<URL>;

  constructor({ name, send, sendAnonymous, base }: HostOptions) {
    this.name = name;
    this.send = send;
    this.sendAnonymous = sendAnonymous;
    this.#base = base;
  }

  /** Origin with the scheme that works: `https://registry-1.docker.io/`. Throws UNREACHABLE, TLS. */
  base(): Promise<URL> {
    return this.#base();
  }

  /** GET of a path from the root of the host, such as `/v2/`. */
  async get(path: string, { headers, scopes, signal }: GetOptions = {}): Promise<HttpResponse> {
    return this.send({ method: 'GET', url: new URL(path, await this.#base()), headers, scopes, signal });
  }

  /** Names of all repositories [distribution catalog]. Throws UNSUPPORTED where the registry does not offer it. */
  async *catalog({ signal }: CallOptions = {}): AsyncGenerator<string, void> {
    const { send, name } = this;
    const first = new URL('/v2/_catalog', await this.#base());
    const scopes = ['registry:catalog:*'];
    const request = { send, first, scopes, signal, what: `list ${name}`, subject: name, registry: name };
    try {
      for await (const page of namePages(request, 'repositories')) for (const repository of page) yield repository;
    } catch (error) {
      throw HubError.is(error) ? this.#catalogError(error) : error;
    }
  }

  #catalogError(error: HubError): HubError {
    if (error.code !== 'NOT_FOUND' && error.code !== 'UNSUPPORTED' && error.code !== 'DENIED') return error;
    return new HubError('UNSUPPORTED', `registry ${this.name} does not offer a catalog`, {
      cause: error,
      hint: 'name the repository and list its tags instead: hubctl tags REPOSITORY',
      details: error.details,
    });
  }
}
