// Which certificates are trusted for a host, and which one does hubctl show?
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext, rootCertificates, type SecureContext, type SecureContextOptions } from 'node:tls';
import { HubError } from '../errors.ts';
import { codeOf } from './failure.ts';

export interface TlsOptions {
  /**
   * Directories that hold one directory per host, such as `/etc/docker/certs.d`. The first that has the host is used:
   * `*.crt` are CAs, `NAME.cert` with `NAME.key` is a client certificate.
   */
  readonly certDirs?: readonly string[] | undefined;
  /** CA files the user named (--tls-ca); each has to be readable. */
  readonly caFiles?: readonly string[] | undefined;
  /** CA files and directories the environment names (NODE_EXTRA_CA_CERTS, SSL_CERT_FILE, SSL_CERT_DIR); absent ones are skipped. */
  readonly environmentCaFiles?: readonly string[] | undefined;
  readonly environmentCaDirs?: readonly string[] | undefined;
  /** Client certificate for every host (--tls-cert, --tls-key). */
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  /** CA bundles of the operating system, tried when a certificate is not known otherwise. Well-known places by default. */
  readonly systemBundles?: readonly string[] | undefined;
  /** `process.platform`; Windows directory names have no colon. */
  readonly platform?: string | undefined;
}

export interface Trust {
  /** The TLS context for a host (`example.com:5000`, or without the port when it is the default one). */
  contextFor(host: string): Promise<SecureContext>;
  /** The same with the CA bundle of the operating system; undefined when there is none. */
  contextWithSystemRoots(host: string): Promise<SecureContext | undefined>;
}

/** Where Linux distributions, the BSDs and macOS keep their CA bundle. */
const SYSTEM_BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

interface Material {
  readonly authorities: readonly string[];
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** For messages: where the certificates came from. */
  readonly source: string;
}

/**
 * Reads certificates when a host is first used and keeps the contexts. The promises throw CONFIG_INVALID for a file that
 * was asked for and cannot be used, or for half of a client certificate [docker certs.d].
 */
export function createTrust(options: TlsOptions = {}): Trust {
  const materials = new Map<string, Promise<Material>>();
  const contexts = new Map<string, Promise<SecureContext>>();
  const materialFor = (host: string): Promise<Material> => remember(materials, host, () => readMaterial(host, options));
  return {
    contextFor: async (host) => {
      const material = await materialFor(host);
      const isPlain = material.authorities.length === 0 && material.cert === undefined;
      return remember(contexts, isPlain ? '' : host, async () => createContext(material, []));
    },
    contextWithSystemRoots: async (host) => {
      const material = await materialFor(host);
      const bundle = await firstReadable(options.systemBundles ?? SYSTEM_BUNDLES);
      if (bundle === undefined) return undefined;
      return remember(contexts, `system ${host}`, async () => createContext(material, [bundle]));
    },
  };
}

/** The TLS part of an environment: NODE_EXTRA_CA_CERTS (or HUBCTL_CA in its place), SSL_CERT_FILE and SSL_CERT_DIR. */
export function tlsFromEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  platform: string,
): Pick<TlsOptions, 'environmentCaFiles' | 'environmentCaDirs' | 'platform'> {
  const files = [env['NODE_EXTRA_CA_CERTS'], env['HUBCTL_CA'], env['SSL_CERT_FILE']];
  const separator = platform === 'win32' ? ';' : ':';
  return {
    environmentCaFiles: [...new Set(files.filter((file): file is string => Boolean(file)))],
    environmentCaDirs: (env['SSL_CERT_DIR'] ?? '').split(separator).filter(Boolean),
    platform,
  };
}

function createContext(material: Material, bundles: readonly string[]): SecureContext {
  const { authorities, cert, key, source } = material;
  const client = { minVersion: 'TLSv1.2', ...(cert !== undefined && { cert, key }) } as const;
  const added = [...authorities, ...bundles];
  try {
    if (added.length === 0) return createSecureContext(client);
    return extended(createSecureContext(client), added) ?? withAuthorities(client, added);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new HubError('CONFIG_INVALID', `the certificates of ${source} cannot be used: ${why}`, { cause: error });
  }
}

/** Adds to the built-in CAs. Undefined where Node.js does not let that be done, which has no name for it among its documented ones. */
function extended(context: SecureContext, added: readonly string[]): SecureContext | undefined {
  const native = context.context as { readonly addCACert?: unknown };
  if (typeof native.addCACert !== 'function') return undefined;
  for (const pem of added) native.addCACert(pem);
  return context;
}

/** `ca` replaces the built-in CAs, so they have to be named again: more than a hundred, which takes 20 ms. */
function withAuthorities(client: SecureContextOptions, added: readonly string[]): SecureContext {
  return createSecureContext({ ...client, ca: [...rootCertificates, ...added] });
}

async function readMaterial(host: string, options: TlsOptions): Promise<Material> {
  const { certFile, keyFile } = options;
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new HubError('CONFIG_INVALID', 'a client certificate needs both its certificate and its key', {
      hint: 'give --tls-cert FILE and --tls-key FILE together',
    });
  }
  const directory = await hostDirectory(host, options);
  const named = await Promise.all((options.caFiles ?? []).map((file) => readPem(file, 'CERTIFICATE')));
  const found = await readEnvironment(options);
  const cert = certFile === undefined ? directory?.cert : await readPem(certFile, 'CERTIFICATE');
  const key = keyFile === undefined ? directory?.key : await readPem(keyFile, 'PRIVATE KEY');
  const source = [certFile, ...(options.caFiles ?? []), directory?.source].filter(Boolean).join(', ');
  return {
    authorities: [...named, ...(directory?.authorities ?? []), ...found],
    cert,
    key,
    source: source || 'the environment',
  };
}

async function hostDirectory(host: string, options: TlsOptions): Promise<Material | undefined> {
  if (/^\.+$/.test(host)) return undefined;
  for (const root of options.certDirs ?? []) {
    for (const name of host.includes(':') ? [host] : [host, `${host}:443`]) {
      const path = join(root, options.platform === 'win32' ? name.replaceAll(':', '') : name);
      const names = await listIfExists(path);
      if (names) return readHostDirectory(path, names);
    }
  }
  return undefined;
}

async function readHostDirectory(path: string, names: readonly string[]): Promise<Material> {
  const withEnding = (ending: string): readonly string[] => names.filter((name) => name.endsWith(ending)).sort();
  const certs = withEnding('.cert');
  const keys = withEnding('.key');
  const lonelyCert = certs.find((name) => !keys.includes(name.replace(/\.cert$/, '.key')));
  if (lonelyCert !== undefined) throw missingKey(path, lonelyCert);
  const lonelyKey = keys.find((name) => !certs.includes(name.replace(/\.key$/, '.cert')));
  if (lonelyKey !== undefined) throw missingCert(path, lonelyKey);
  const authorities = await Promise.all(withEnding('.crt').map((name) => readPem(join(path, name), 'CERTIFICATE')));
  const [cert] = certs;
  const [key] = keys;
  if (cert === undefined || key === undefined) return { authorities, source: path };
  return {
    authorities,
    cert: await readPem(join(path, cert), 'CERTIFICATE'),
    key: await readPem(join(path, key), 'PRIVATE KEY'),
    source: path,
  };
}

async function readEnvironment(options: TlsOptions): Promise<readonly string[]> {
  const listed = await Promise.all(
    (options.environmentCaDirs ?? []).map(async (directory) => {
      const names = (await listIfExists(directory)) ?? [];
      return names.filter((name) => /\.(?:pem|crt|cer|0)$/.test(name)).map((name) => join(directory, name));
    }),
  );
  const files = [...(options.environmentCaFiles ?? []), ...listed.flat()];
  const texts = await Promise.all(files.map(readIfPossible));
  return texts.filter((text): text is string => text?.includes('-----BEGIN ') ?? false);
}

async function readPem(path: string, kind: 'CERTIFICATE' | 'PRIVATE KEY'): Promise<string> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    const why = codeOf(error) === 'ENOENT' ? 'no such file' : codeOf(error) || String(error);
    throw new HubError('CONFIG_INVALID', `cannot read the certificate file ${path}: ${why}`, { cause: error });
  });
  if (new RegExp(`-----BEGIN [A-Z ]*${kind}-----`).test(text)) return text;
  const what = kind === 'CERTIFICATE' ? 'certificate' : 'private key';
  throw new HubError('CONFIG_INVALID', `${path} holds no ${what} in PEM form`, {
    hint: 'convert it with: openssl x509 -inform der -in FILE -out FILE.pem',
  });
}

async function firstReadable(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const text = await readIfPossible(path);
    if (text !== undefined) return text;
  }
  return undefined;
}

async function readIfPossible(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined);
}

async function listIfExists(path: string): Promise<readonly string[] | undefined> {
  return readdir(path).catch((error: unknown) => {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return undefined;
    throw new HubError('CONFIG_INVALID', `cannot read the certificate directory ${path}: ${codeOf(error)}`, {
      cause: error,
    });
  });
}

function missingKey(path: string, cert: string): HubError {
  const key = join(path, cert.replace(/\.cert$/, '.key'));
  const rule = 'CA certificates must use the extension .crt';
  return new HubError('CONFIG_INVALID', `missing key ${key} for client certificate ${join(path, cert)}. ${rule}`);
}

function missingCert(path: string, key: string): HubError {
  const cert = join(path, key.replace(/\.key$/, '.cert'));
  return new HubError('CONFIG_INVALID', `missing client certificate ${cert} for key ${join(path, key)}`);
}

function remember<T>(known: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const found = known.get(key);
  if (found) return found;
  const made = make();
  known.set(key, made);
  return made;
}
