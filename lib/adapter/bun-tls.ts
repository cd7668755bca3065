// TLS over the sockets of Bun: what of the options of `node:tls` they can do, and what is told of a connection. What they cannot do is never passed over in silence.

import { isIP } from 'node:net';
import type { TlsOptions } from 'node:tls';
import type { TlsFacts } from '../job/session.ts';
import type { BunPem, BunSocket, BunTls } from './bun-api.ts';
import type { ClientTlsOptions } from './node-dial.ts';

type Options = Readonly<Record<string, unknown>>;

/** What Bun takes under the same name, and as it is. */
const passed: readonly string[] = ['ca', 'cert', 'key', 'passphrase', 'ciphers'];

const clientNames: ReadonlySet<string> = new Set([
  ...passed,
  'minVersion',
  'maxVersion',
  'servername',
  'rejectUnauthorized',
  'ALPNProtocols',
  'checkCertificate',
]);
const serverNames: ReadonlySet<string> = new Set([
  ...passed,
  'minVersion',
  'maxVersion',
  'requestCert',
  'rejectUnauthorized',
  // The server agrees on http/1.1 in any case.
  'ALPNProtocols',
]);

// Of OpenSSL: "SSL_OP_NO_TLSv1_2", "SSL_OP_NO_TLSv1_3". Bun speaks no older one.
const NO_TLS_1_2 = 0x0800_0000;
const NO_TLS_1_3 = 0x2000_0000;

/** The options of a client for Bun; undefined when it cannot do what they say. The certificate and the name are verified, whatever the environment says, unless `rejectUnauthorized` is false. */
export function toBunClientTls(options: ClientTlsOptions, host: string): BunTls | undefined {
  if (findUnknown(options as Options, clientNames) !== undefined) return undefined;
  const { servername, rejectUnauthorized = true, ALPNProtocols = ['http/1.1'] } = options;
  const protocols = toWireProtocols(ALPNProtocols);
  const shared = toShared(options as Options);
  if (shared === undefined || protocols === undefined || servername === '') return undefined;
  return {
    ...shared,
    // RFC 6066 §3: "Literal IPv4 and IPv6 addresses are not permitted" in it. Verified is the address then.
    serverName: servername ?? (isIP(host) === 0 ? host : ''),
    rejectUnauthorized,
    ALPNProtocols: protocols,
  };
}

/**
 * The options of a server for Bun.
 *
 * @throws TypeError when it cannot do what they say, or the key or the certificate is missing: Bun would listen without TLS.
 */
export function toBunServerTls(options: TlsOptions): BunTls {
  const { key, cert, requestCert = false, rejectUnauthorized = true } = options;
  if (isMissing(key) || isMissing(cert)) throw new TypeError('Cannot serve TLS: it needs a key and a certificate');
  const unknown = findUnknown(options as Options, serverNames);
  if (unknown !== undefined) throw refuse(`has no option "${unknown}"`);
  const shared = toShared(options as Options);
  if (shared === undefined) throw refuse('takes keys and certificates as PEM, and speaks TLS 1.2 and 1.3');
  return { ...shared, requestCert, rejectUnauthorized, ALPNProtocols: toWire(['http/1.1']) };
}

/** Whether it can do what the options of a server say: otherwise `node:tls` does. Key and certificate are not looked at. */
export function fitsBunServer(options: TlsOptions): boolean {
  return findUnknown(options as Options, serverNames) === undefined && toShared(options as Options) !== undefined;
}

/** Reads the facts of a TLS connection whose handshake is done. */
export function toBunTlsFacts(socket: BunSocket, hasAskedForCertificate: boolean): TlsFacts {
  return {
    protocol: socket.getTLSVersion(),
    cipher: socket.getCipher()?.standardName ?? '',
    alpnProtocol: socket.alpnProtocol || '',
    serverName: socket.getServername() ?? '',
    isAuthorized: hasAskedForCertificate && socket.authorized,
  };
}

function refuse(what: string): TypeError {
  return new TypeError(`Cannot serve TLS over the sockets of Bun: it ${what}. node:tls can`);
}

function findUnknown(options: Options, known: ReadonlySet<string>): string | undefined {
  return Object.keys(options).find((name) => options[name] !== undefined && !known.has(name));
}

type SharedTls = Pick<BunTls, 'ca' | 'cert' | 'key' | 'passphrase' | 'ciphers' | 'secureOptions'>;

function toShared(options: Options): SharedTls | undefined {
  const secureOptions = toSecureOptions(options['minVersion'], options['maxVersion']);
  if (secureOptions === undefined || !['ca', 'cert', 'key'].every((name) => isPem(options[name]))) return undefined;
  const given = passed.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]);
  return { ...(Object.fromEntries(given) as SharedTls), ...(secureOptions === 0 ? undefined : { secureOptions }) };
}

// Undefined when they say something that is not to be had.
function toSecureOptions(least: unknown = 'TLSv1.2', most: unknown = 'TLSv1.3'): number | undefined {
  if (least === 'TLSv1.2' && most === 'TLSv1.3') return 0;
  if (least === 'TLSv1.3' && most === 'TLSv1.3') return NO_TLS_1_2;
  return least === 'TLSv1.2' && most === 'TLSv1.2' ? NO_TLS_1_3 : undefined;
}

// `node:tls` takes keys with their passphrases as objects too.
function isPem(value: unknown): value is BunPem | undefined {
  if (Array.isArray(value)) return value.every((one) => typeof one === 'string' || one instanceof Uint8Array);
  return value === undefined || typeof value === 'string' || value instanceof Uint8Array;
}

function isMissing(value: unknown): boolean {
  return value === undefined || value === null || (value as { length?: number }).length === 0;
}

function toWireProtocols(protocols: unknown): Uint8Array | undefined {
  if (Array.isArray(protocols) && protocols.every((one) => typeof one === 'string')) return toWire(protocols);
  return protocols instanceof Uint8Array ? protocols : undefined;
}

// RFC 7301 §3.1: each name behind its length.
function toWire(protocols: readonly string[]): Uint8Array {
  const names = protocols.map((name) => new TextEncoder().encode(name));
  if (names.some(({ byteLength }) => byteLength === 0 || byteLength > 255)) {
    throw new TypeError('Cannot use TLS: the name of a protocol has from 1 to 255 bytes');
  }
  return new Uint8Array(names.flatMap((name) => [name.byteLength, ...name]));
}
