// How does a test get X.509 certificates, good and bad ones, without any program or file?
import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import { isIPv4 } from 'node:net';

export interface CertificateOptions {
  /** Common name of the subject. */
  readonly name: string;
  /** DNS names and IPv4 addresses it is good for. */
  readonly hosts?: readonly string[];
  /** Who signs it; itself when absent. */
  readonly issuer?: Issued;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** True: it may sign others. Default: true for one that signs itself. */
  readonly authority?: boolean;
  /** `http:` addresses that tell whether it was revoked: of a list, and of a responder. */
  readonly revocation?: { readonly list: string; readonly responder: string };
  /** Of the key; 2,048 by default. */
  readonly bits?: number;
}

/** Both PEM. */
export interface Issued {
  readonly name: string;
  readonly certificate: string;
  readonly key: string;
}

const SHA256_WITH_RSA = '1.2.840.113549.1.1.11';
const COMMON_NAME = '2.5.4.3';
const ALTERNATIVE_NAMES = '2.5.29.17';
const BASIC_CONSTRAINTS = '2.5.29.19';
const LIST_POINTS = '2.5.29.31';
const AUTHORITY_ACCESS = '1.3.6.1.5.5.7.1.1';
const RESPONDER = '1.3.6.1.5.5.7.48.1';
const DAY = 24 * 60 * 60 * 1000;

/** A certificate with a fresh RSA key [RFC 5280]. Valid from yesterday for a year unless told otherwise. */
export function issueCertificate(options: CertificateOptions): Issued {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: options.bits ?? 2048 });
  const { name, issuer, hosts = [], authority = issuer === undefined } = options;
  const notBefore = options.notBefore ?? new Date(Date.now() - DAY);
  const notAfter = options.notAfter ?? new Date(Date.now() + 365 * DAY);
  const algorithm = sequence(objectId(SHA256_WITH_RSA), der(0x05));
  const body = sequence(
    der(0xa0, integer(Buffer.from([2]))), // version 3
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    commonName(issuer?.name ?? name),
    sequence(time(notBefore), time(notAfter)),
    commonName(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions(hosts, authority), ...revocation(options))),
  );
  const signature = sign('sha256', body, issuer?.key ?? privateKey);
  const certificate = sequence(body, algorithm, bitString(signature));
  return { name, certificate: pem('CERTIFICATE', certificate), key: keyPem(privateKey) };
}

function extensions(hosts: readonly string[], authority: boolean): Buffer[] {
  const constraints = extension(BASIC_CONSTRAINTS, sequence(...(authority ? [der(0x01, Buffer.from([0xff]))] : [])));
  const names = hosts.map((host) =>
    isIPv4(host) ? der(0x87, Buffer.from(host.split('.').map(Number))) : der(0x82, Buffer.from(host)),
  );
  return names.length === 0 ? [constraints] : [constraints, extension(ALTERNATIVE_NAMES, sequence(...names))];
}

/** Where to ask whether it was revoked [RFC 5280 4.2.1.13, 4.2.2.1]. */
function revocation({ revocation: places }: CertificateOptions): Buffer[] {
  if (!places) return [];
  const uri = (text: string): Buffer => der(0x86, Buffer.from(text));
  return [
    extension(LIST_POINTS, sequence(sequence(der(0xa0, der(0xa0, uri(places.list)))))),
    extension(AUTHORITY_ACCESS, sequence(sequence(objectId(RESPONDER), uri(places.responder)))),
  ];
}

/** One value in DER: tag, length, contents. */
function der(tag: number, ...contents: readonly Buffer[]): Buffer {
  const body = Buffer.concat(contents);
  if (body.length < 0x80) return Buffer.concat([Buffer.from([tag, body.length]), body]);
  const length = Buffer.from(body.length.toString(16).replace(/^(?=(?:..)*.$)/, '0'), 'hex');
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, body]);
}

function sequence(...contents: readonly Buffer[]): Buffer {
  return der(0x30, ...contents);
}

function integer(value: Buffer): Buffer {
  return der(0x02, value);
}

function bitString(value: Buffer): Buffer {
  return der(0x03, Buffer.from([0]), value);
}

function objectId(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  return der(0x06, Buffer.from([first * 40 + second, ...rest.flatMap((arc) => base128(arc))]));
}

function base128(arc: number): number[] {
  const digits = [arc & 0x7f];
  for (let left = arc >>> 7; left > 0; left >>>= 7) digits.unshift((left & 0x7f) | 0x80);
  return digits;
}

function commonName(name: string): Buffer {
  return sequence(der(0x31, sequence(objectId(COMMON_NAME), der(0x0c, Buffer.from(name)))));
}

function time(date: Date): Buffer {
  const digits = date.toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return der(0x18, Buffer.from(digits));
}

function extension(id: string, value: Buffer): Buffer {
  return sequence(objectId(id), der(0x04, value));
}

function pem(label: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

function keyPem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
