// How does a test get a registry of its own, in memory, strict about the protocol, and able to fail on demand?
//
//   const registry = await startRegistry({ auth: 'bearer' });
//   registry.fail({ method: 'GET', path: '/blobs/', nth: 1 }, { closeAfter: 1000 });
//   … `${registry.host}/team/app:1` …
//   expect(registry.requests({ method: 'PUT' })).toHaveLength(2);
//   await registry.stop();
import { handleBlob, ranged, type BlobContext } from './registry-blobs.ts';
import { handleManifest } from './registry-manifests.ts';
import { Refusal, RegistryContents, isDigest, isRepository, refuse } from './registry-contents.ts';
import { handleList } from './registry-lists.ts';
import { startLocalServer, type Handler, type LocalRequest, type LocalServer, type Reply } from './local-server.ts';
import {
  createTokens,
  startTokenServer,
  type TokenServer,
  type TokenServerOptions,
  type Tokens,
} from './token-server.ts';

export interface RegistryOptions {
  /** Who may do what: anybody everything (default), or the accounts only. */
  readonly auth?: 'none' | 'basic' | 'bearer';
  /** Name → password; `tester` with `secret` by default. */
  readonly accounts?: Readonly<Record<string, string>>;
  /** With `bearer`: anybody may pull. */
  readonly anonymousPull?: boolean;
  /** With `bearer`: tokens come from another origin than the registry's own `/token`. */
  readonly tokenOrigin?: boolean;
  /** With `bearer`: seconds that a token lasts, 300 by default. */
  readonly tokenLifetime?: number;
  /** False: a mount opens an upload session instead. */
  readonly mount?: boolean;
  /** Blobs are served by another origin after a 307; that origin refuses requests that carry Authorization. */
  readonly blobOrigin?: boolean;
  /** Entries of a list when the client asks for none or for more; 100 by default. */
  readonly pageSize?: number;
  /** False: Range is ignored. */
  readonly ranges?: boolean;
  /** Smallest chunk of a chunked upload but for the last one, sent as OCI-Chunk-Min-Length. */
  readonly chunkMinLength?: number;
  /** False: HEAD is answered with 405. */
  readonly head?: boolean;
  /** True: the referrers API exists. */
  readonly referrers?: boolean;
  /** False: DELETE of manifests and blobs is answered with 405. */
  readonly deletes?: boolean;
  /** False: there is no catalog (404). */
  readonly catalog?: boolean;
  /** True: a blob sent with the POST is taken. */
  readonly singlePost?: boolean;
  /** True: Location is a path. */
  readonly relativeLocations?: boolean;
  /** Name of the parameter of a Location that tells its newest from the others: distribution's `_state` by default. */
  readonly stateParameter?: string;
  /** False: takes any bytes for those of the digest that was named, and does not tell what it stored. */
  readonly checksBlobs?: boolean;
  /** What a session answers at a Location that is not its newest: distribution 3 `416` (default), 2.8 `404`. */
  readonly staleUpload?: 404 | 416;
  /** PEM; the registry speaks TLS. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

export interface Registry extends LocalServer {
  /** What it holds; tests fill it and look into it without requests. */
  readonly contents: RegistryContents;
  /** What knows the tokens, with `bearer`. */
  readonly tokens: Tokens | undefined;
  /** The other origin that gives out tokens, with `tokenOrigin`. */
  readonly tokenServer: TokenServer | undefined;
  /** The other origin, with `blobOrigin`. */
  readonly blobServer: LocalServer | undefined;
}

const ACCOUNTS = { tester: 'secret' };

export async function startRegistry(options: RegistryOptions = {}): Promise<Registry> {
  const contents = new RegistryContents();
  const accounts = options.accounts ?? ACCOUNTS;
  const tokenOptions: TokenServerOptions = {
    accounts,
    anonymousPull: options.anonymousPull ?? false,
    lifetime: options.tokenLifetime ?? 300,
    ...(options.tls && { tls: options.tls }),
  };
  const bearer = options.auth === 'bearer';
  const tokenServer = bearer && options.tokenOrigin ? await startTokenServer(tokenOptions) : undefined;
  const tokens = bearer ? (tokenServer ?? createTokens(tokenOptions)) : undefined;
  const blobServer = options.blobOrigin ? await startBlobServer(contents, options) : undefined;
  const context: BlobContext = { contents, options, blobOrigin: blobServer?.origin };

  const handler: Handler = (request) => {
    if (tokens !== undefined && request.url.pathname === '/token') return tokens.handle(request);
    const realm = tokenServer?.realm ?? `${request.url.origin}/token`;
    const refusal = authorize(request, { options, accounts, tokens, realm });
    return refusal ?? route(request, context);
  };
  const server = await startLocalServer(withoutDetours(handler, options), options.tls ? { tls: options.tls } : {});
  return {
    ...server,
    get connections() {
      return server.connections;
    },
    contents,
    tokens,
    tokenServer,
    blobServer,
    stop: async () => {
      await Promise.all([server.stop(), tokenServer?.stop(), blobServer?.stop()]);
    },
  };
}

/** Refusals are thrown from deep inside; here they become answers. Locations get the origin that the client knows. */
function withoutDetours(handler: Handler, options: RegistryOptions): Handler {
  return async (request) => {
    const { status, headers = {}, body = '' } = await answerOf(handler, request);
    const path = headers['location'];
    const absolute = typeof path === 'string' && path.startsWith('/') && !options.relativeLocations;
    const location = absolute ? { location: request.url.origin + path } : {};
    return { status, headers: { 'docker-distribution-api-version': 'registry/2.0', ...headers, ...location }, body };
  };
}

async function answerOf(handler: Handler, request: LocalRequest): Promise<Reply> {
  try {
    return await handler(request);
  } catch (error) {
    if (error instanceof Refusal) return error.reply;
    throw error;
  }
}

function route(request: LocalRequest, context: BlobContext): Promise<Reply> | Reply {
  const { method, url } = request;
  const { options, contents } = context;
  if (method === 'HEAD' && options.head === false)
    return refuse(405, 'UNSUPPORTED', 'the operation is unsupported').reply;
  if (url.pathname === '/v2/') return { status: 200, headers: { 'content-type': 'application/json' }, body: '{}' };
  if (url.pathname === '/v2/_catalog' && options.catalog !== false) return handleList(request, contents, options);
  const found = /^\/v2\/(.+)\/(manifests|blobs|tags|referrers)\/(.*)$/.exec(url.pathname);
  if (!found) return notFound();
  const [, repository = '', kind, rest = ''] = found;
  if (!isRepository(repository)) throw refuse(400, 'NAME_INVALID', 'invalid repository name');
  const place = { repository, reference: rest };
  if (kind === 'manifests') return handleManifest(request, place, context);
  if (kind === 'blobs') return handleBlob(request, place, context);
  if (kind === 'tags' && rest === 'list') return handleList(request, contents, options, repository);
  if (kind === 'referrers' && options.referrers) return referrers(place, contents);
  return notFound();
}

function referrers(place: { repository: string; reference: string }, contents: RegistryContents): Reply {
  if (!isDigest(place.reference)) throw refuse(400, 'DIGEST_INVALID', 'invalid digest');
  const manifests = contents.referrers(place.repository, place.reference);
  const type = 'application/vnd.oci.image.index.v1+json';
  return {
    status: 200,
    headers: { 'content-type': type },
    body: JSON.stringify({ schemaVersion: 2, mediaType: type, manifests }),
  };
}

function notFound(): Reply {
  return { status: 404, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: '404 page not found\n' };
}

interface Guard {
  readonly options: RegistryOptions;
  readonly accounts: Readonly<Record<string, string>>;
  readonly tokens: Tokens | undefined;
  readonly realm: string;
}

/** The answer to a request that may not go on. */
function authorize(request: LocalRequest, { options, accounts, tokens, realm }: Guard): Reply | undefined {
  const authorization = request.headers.authorization ?? '';
  if (options.auth === 'basic') {
    const [name = '', password] = Buffer.from(authorization.replace(/^Basic /, ''), 'base64')
      .toString()
      .split(/:(.*)/s);
    if (authorization.startsWith('Basic ') && password !== undefined && accounts[name] === password) return undefined;
    return unauthorized('Basic realm="test registry"');
  }
  if (tokens === undefined) return undefined;
  const scope = neededScope(request);
  const challenge = `Bearer realm="${realm}",service="${tokens.service}"${scope ? `,scope="${scope}"` : ''}`;
  if (!authorization.startsWith('Bearer ')) return unauthorized(challenge);
  const granted = tokens.verify(authorization.slice('Bearer '.length));
  if (granted === undefined) return unauthorized(`${challenge},error="invalid_token"`);
  const needed = scope ? scope.split(' ') : [];
  if (needed.every((one) => covers(granted, one))) return undefined;
  return unauthorized(`${challenge},error="insufficient_scope"`);
}

function unauthorized(challenge: string): Reply {
  const { reply } = refuse(401, 'UNAUTHORIZED', 'authentication required');
  return { ...reply, headers: { ...reply.headers, 'www-authenticate': challenge } };
}

function neededScope({ method, url }: LocalRequest): string {
  if (url.pathname === '/v2/_catalog') return 'registry:catalog:*';
  const repository = /^\/v2\/(.+?)\/(?:manifests|blobs|tags|referrers)\//.exec(url.pathname)?.[1];
  if (repository === undefined) return '';
  const actions = { GET: 'pull', HEAD: 'pull', DELETE: 'delete' }[method] ?? 'pull,push';
  return `repository:${repository}:${actions}`;
}

function covers(granted: readonly string[], scope: string): boolean {
  const end = scope.lastIndexOf(':');
  const resource = scope.slice(0, end + 1);
  const actions = new Set(
    granted.filter((one) => one.startsWith(resource)).flatMap((one) => one.slice(resource.length).split(',')),
  );
  return (
    actions.has('*') ||
    scope
      .slice(end + 1)
      .split(',')
      .every((action) => actions.has(action))
  );
}

/** Serves `/<digest>` as object storage does: without the headers of a registry, and never with credentials. */
function startBlobServer(contents: RegistryContents, options: RegistryOptions): Promise<LocalServer> {
  return startLocalServer(
    ({ headers, url }) => {
      if (headers.authorization !== undefined)
        return { status: 400, body: '<Error><Code>InvalidArgument</Code></Error>' };
      const blob = contents.anyBlob(url.pathname.slice(1));
      if (blob === undefined) return { status: 404, body: '<Error><Code>NoSuchKey</Code></Error>' };
      return ranged(blob, headers.range, options.ranges !== false);
    },
    options.tls ? { tls: options.tls } : {},
  );
}
