// How does a test get a token server whose tokens a real registry trusts?
import { randomBytes, sign, verify } from 'node:crypto';
import { request as sendRequest } from 'node:http';
import { issueCertificate, type Issued } from './certificates.ts';
import { startLocalServer, type Handler, type LocalRequest, type LocalServer, type Reply } from './local-server.ts';

export interface TokenServerOptions {
  /** Name → password. They may do everything. */
  readonly accounts: Readonly<Record<string, string>>;
  /** Anybody gets tokens for pulling. */
  readonly anonymousPull?: boolean;
  /** Seconds that a token lasts, 300 by default; sent as `expires_in`. */
  readonly lifetime?: number;
  /** False: POST (OAuth2) is answered with 404. */
  readonly oauth?: boolean;
  readonly service?: string;
  /** PEM; the server speaks TLS. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** Gives out tokens and knows them again; wherever they are asked for. */
export interface Tokens {
  /** Answers `GET /token` and `POST /token`. */
  readonly handle: Handler;
  readonly service: string;
  readonly issuer: string;
  /** PEM, for `rootcertbundle` of distribution's `auth.token`. */
  readonly certificate: string;
  /** Scopes of a token, such as `repository:team/app:pull,push`; undefined when it is not valid (any more). */
  verify(token: string): readonly string[] | undefined;
  /** From now on every token and refresh token given out so far is refused. */
  revoke(): void;
}

export interface TokenServer extends Tokens, LocalServer {
  readonly realm: string;
  /**
   * All but `/token` is handed on to this host from now on. A realm at another address than the registry is a thing that
   * careful clients refuse: behind this server a real registry has its tokens at its own address.
   */
  standBefore(host: string): void;
}

interface Grant {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}

interface Claims {
  readonly jti: string;
  readonly exp: number;
  readonly access: readonly Grant[];
}

/** One key for all servers of a test file: making one takes long, and each server knows its own tokens. */
let signer: Issued | undefined;

/** Tokens as distribution wants them [distribution docs, spec/auth/jwt.md], over GET and OAuth2 POST. */
export function createTokens(options: TokenServerOptions): Tokens {
  const { accounts, service = 'test registry', lifetime = 300 } = options;
  const issuer = 'test issuer';
  signer ??= issueCertificate({ name: issuer });
  const { certificate: pem, key } = signer;
  const valid = new Set<string>();
  const refreshTokens = new Map<string, string>();
  const certificate = pem.replaceAll(/-----[^-]+-----|\s/g, '');

  const tokenFor = (account: string, scopes: readonly string[]): string => {
    const now = Math.floor(Date.now() / 1000);
    const jti = randomBytes(12).toString('hex');
    const access = scopes.flatMap((scope) => parseScope(scope)).flatMap((grant) => narrowed(grant, account, options));
    const claims = {
      iss: issuer,
      sub: account,
      aud: service,
      exp: now + lifetime,
      nbf: now - 10,
      iat: now,
      jti,
      access,
    };
    const unsigned = `${encode({ typ: 'JWT', alg: 'RS256', x5c: [certificate] })}.${encode(claims)}`;
    valid.add(jti);
    return `${unsigned}.${sign('sha256', Buffer.from(unsigned), key).toString('base64url')}`;
  };

  const accountOf = (name: string, password: string): string | undefined =>
    accounts[name] === password ? name : undefined;

  const give = (account: string, scopes: readonly string[], wantsRefresh: boolean): Reply => {
    const token = tokenFor(account, scopes);
    const refresh = wantsRefresh && account !== '' ? randomBytes(24).toString('base64url') : undefined;
    if (refresh !== undefined) refreshTokens.set(refresh, account);
    const issued = { expires_in: lifetime, issued_at: new Date().toISOString() };
    const body = { token, access_token: token, ...issued, ...(refresh !== undefined && { refresh_token: refresh }) };
    return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  };

  const byGet = ({ url, headers }: LocalRequest): Reply => {
    const basic = /^Basic (.*)$/.exec(headers.authorization ?? '')?.[1];
    const [name = '', password = ''] =
      basic === undefined ? [] : Buffer.from(basic, 'base64').toString().split(/:(.*)/s);
    const account = basic === undefined ? '' : accountOf(name, password);
    if (account === undefined) return refused('incorrect username or password');
    const { searchParams } = url;
    if (searchParams.get('service') !== service) return { status: 400, body: '{"details":"unknown service"}' };
    return give(account, searchParams.getAll('scope'), searchParams.get('offline_token') === 'true');
  };

  const byPost = async (request: LocalRequest): Promise<Reply> => {
    if (options.oauth === false) return { status: 404, body: '404 page not found\n' };
    const form = new URLSearchParams((await request.bytes()).toString());
    const missing = ['grant_type', 'service', 'client_id'].filter((field) => !form.get(field));
    if (missing.length > 0) return { status: 400, body: JSON.stringify({ details: `missing ${missing.join(', ')}` }) };
    const account =
      form.get('grant_type') === 'refresh_token'
        ? refreshTokens.get(form.get('refresh_token') ?? '')
        : accountOf(form.get('username') ?? '', form.get('password') ?? '');
    if (account === undefined) return refused('invalid grant');
    return give(account, (form.get('scope') ?? '').split(' ').filter(Boolean), form.get('access_type') === 'offline');
  };

  return {
    handle: (request) => (request.method === 'POST' ? byPost(request) : byGet(request)),
    service,
    issuer,
    certificate: pem,
    verify: (token) => {
      const [head = '', body = '', signature = ''] = token.split('.');
      const signed = Buffer.from(`${head}.${body}`);
      if (!verify('sha256', signed, pem, Buffer.from(signature, 'base64url'))) return undefined;
      const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as Claims;
      if (!valid.has(claims.jti) || claims.exp * 1000 <= Date.now()) return undefined;
      return claims.access.map(({ type, name, actions }) => `${type}:${name}:${actions.join(',')}`);
    },
    revoke: () => {
      valid.clear();
      refreshTokens.clear();
    },
  };
}

/** A token server at an address of its own. */
export async function startTokenServer(options: TokenServerOptions): Promise<TokenServer> {
  const tokens = createTokens(options);
  let behind: string | undefined;
  const server = await startLocalServer(
    (request) => {
      if (request.url.pathname === '/token') return tokens.handle(request);
      return behind === undefined ? { status: 404, body: '404 page not found\n' } : handOn(request, behind);
    },
    options.tls ? { tls: options.tls } : {},
  );
  return {
    ...tokens,
    ...server,
    get connections() {
      return server.connections;
    },
    realm: `${server.origin}/token`,
    standBefore: (host) => {
      behind = host;
    },
  };
}

async function handOn(request: LocalRequest, host: string): Promise<Reply> {
  const { method, url, headers } = request;
  const body = await request.bytes();
  return new Promise((resolve, reject) => {
    const outgoing = sendRequest(`http://${host}${url.pathname}${url.search}`, { method, headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const { 'content-length': length, connection, ...rest } = answer.headers as Record<string, string>;
        void connection;
        // The answer to HEAD has a length but no body.
        const bytes = method === 'HEAD' ? Buffer.alloc(Number(length ?? 0)) : Buffer.concat(chunks);
        resolve({ status: answer.statusCode ?? 502, headers: rest, body: bytes });
      });
    });
    outgoing.on('error', reject).end(body);
  });
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function refused(details: string): Reply {
  return { status: 401, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ details }) };
}

/** `type:name:action,action`; the name may hold colons itself. */
function parseScope(scope: string): Grant[] {
  const found = /^([^:]+):(.+):([^:]+)$/.exec(scope);
  return found ? [{ type: found[1] ?? '', name: found[2] ?? '', actions: (found[3] ?? '').split(',') }] : [];
}

/** What of the wish is granted. */
function narrowed(grant: Grant, account: string, { anonymousPull }: TokenServerOptions): Grant[] {
  if (account !== '') return [grant];
  const actions =
    anonymousPull && grant.type === 'repository' ? grant.actions.filter((action) => action === 'pull') : [];
  return actions.length === 0 ? [] : [{ ...grant, actions }];
}
