import { describe, expect, test } from 'vitest';
import { HubError } from '../../src/errors.ts';
import { isUnknownAuthority, tlsFailureOf, type TlsPlace } from '../../src/http/tls-failure.ts';

const PLACE: TlsPlace = { host: 'vm:5000', now: Date.UTC(2026, 0, 2), limit: 10_000 };

function coded(code: string, message = 'openssl says so'): Error {
  return Object.assign(new Error(message), { code });
}

describe('a failed handshake', () => {
  test.each([
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'TLS', 'plain-http', 'vm:5000 speaks plain HTTP, not HTTPS'],
    ['ERR_SSL_PACKET_LENGTH_TOO_LONG', 'TLS', 'plain-http', 'vm:5000 speaks plain HTTP, not HTTPS'],
    ['ERR_SSL_HTTP_REQUEST', 'TLS', 'plain-http', 'vm:5000 speaks plain HTTP, not HTTPS'],
    [
      'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
      'TLS',
      'certificate',
      'vm:5000 asks for a client certificate, or refuses the one it got',
    ],
    [
      'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE',
      'TLS',
      'certificate',
      'vm:5000 asks for a client certificate, or refuses the one it got',
    ],
    [
      'ERR_SSL_UNSUPPORTED_PROTOCOL',
      'TLS',
      'tls',
      'no TLS connection with vm:5000 could be agreed on (unsupported protocol)',
    ],
    [
      'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA',
      'TLS',
      'certificate',
      'vm:5000 asks for a client certificate, or refuses the one it got',
    ],
    [
      'ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED',
      'TLS',
      'certificate',
      'vm:5000 asks for a client certificate, or refuses the one it got',
    ],
    ['EPROTO', 'TLS', 'tls', 'no TLS connection with vm:5000 could be agreed on (eproto)'],
    ['CERT_REVOKED', 'TLS', 'certificate', 'the certificate of vm:5000 was revoked'],
    ['CA_MD_TOO_WEAK', 'TLS', 'certificate', 'the certificate of vm:5000 was signed with a weak hash'],
    ['CERT_HAS_EXPIRED', 'TLS', 'certificate', 'the certificate of vm:5000 expired'],
    ['CERT_NOT_YET_VALID', 'TLS', 'certificate', 'the certificate of vm:5000 is not valid yet'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'TLS', 'certificate', 'the certificate of vm:5000 is for another host'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'TLS', 'certificate', 'the certificate of vm:5000 is signed by an unknown authority'],
    ['ECONNRESET', 'UNREACHABLE', 'reset', 'vm:5000 closed the connection'],
    ['ETIMEDOUT', 'TIMEOUT', 'connect-timeout', 'cannot connect to vm:5000 within 10 s'],
  ])('with %s is told as %s %s', (code, expected, reason, message) => {
    const error = tlsFailureOf(coded(code), PLACE);
    expect(error).toMatchObject({ code: expected, message, details: { host: 'vm:5000', reason } });
    expect(error.cause).toBeInstanceOf(Error);
  });

  test.each([
    ['EE certificate key too weak', 'the certificate of vm:5000 has a key that is too short'],
    ['CA signature digest algorithm too weak', 'the certificate of vm:5000 was signed with a weak hash'],
    ['some other reason', 'the certificate of vm:5000 is not accepted (some other reason)'],
  ])('for which Node.js has no name is told by its text: %s', (text, message) => {
    expect(tlsFailureOf(coded('UNSPECIFIED', text), PLACE)).toMatchObject({ code: 'TLS', message });
  });

  test('is plain http when only the text of OpenSSL says so', () => {
    expect(tlsFailureOf(coded('EPROTO', 'SSL routines::wrong version number'), PLACE).details['reason']).toBe(
      'plain-http',
    );
  });

  test('names the date of an old certificate and the date of this machine', () => {
    const certificate = { valid_to: 'Jan  1 00:00:00 2021 GMT' } as TlsPlace['certificate'];
    expect(tlsFailureOf(coded('CERT_HAS_EXPIRED'), { ...PLACE, certificate })).toMatchObject({
      message: 'the certificate of vm:5000 expired on 2021-01-01',
      hint: 'this machine says it is 2026-01-02; if that is right, the host needs a new certificate',
    });
  });

  test('shows nothing but printable text of a certificate', () => {
    const certificate = {
      subjectaltname: `DNS:a.example, DNS:\u001b[31mb${'c'.repeat(500)}`,
    } as TlsPlace['certificate'];
    const { message } = tlsFailureOf(coded('ERR_TLS_CERT_ALTNAME_INVALID'), { ...PLACE, certificate });
    expect(message).toMatch(/^the certificate of vm:5000 is for a\.example, \?\[31mbc+$/);
    expect(message.length).toBeLessThan(200);
  });

  test('that is a HubError already stays as it is', () => {
    const error = new HubError('REFUSED', 'no');
    expect(tlsFailureOf(error, PLACE)).toBe(error);
  });

  test('counts as an unknown authority only when that is all there is', () => {
    expect(isUnknownAuthority(coded('UNABLE_TO_VERIFY_LEAF_SIGNATURE'))).toBe(true);
    expect(isUnknownAuthority(coded('CERT_HAS_EXPIRED'))).toBe(false);
  });
});
