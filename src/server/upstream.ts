// What does a registry that fetches for others need of the registry it fetches from?
import type { HttpResponse } from '../http/layer.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { CallOptions, Source } from '../transfer/endpoint.ts';

/** One repository elsewhere; RegistryEndpoint is one. */
export interface UpstreamRepository extends Source {
  /** Throws NOT_FOUND. */
  head(reference: string, options?: CallOptions): Promise<Descriptor>;
  /** Throws NOT_FOUND, DIGEST_MISMATCH. */
  manifest(
    reference: string,
    options?: CallOptions,
  ): Promise<{ readonly bytes: Buffer; readonly descriptor: Descriptor }>;
  /** A request below `/v2/<name>/`. */
  get(path: string, options?: CallOptions): Promise<HttpResponse>;
}

export interface Upstream {
  /** For people: `docker.io`. */
  readonly name: string;
  repository(name: string): UpstreamRepository;
}
