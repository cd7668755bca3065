// A tunnel through a proxy of SOCKS: version 5 (RFC 1928), with a user and a password (RFC 1929) or nobody. RFC 6455 §4.1 (3) has implementations "encouraged to use a SOCKS5
// [RFC1928] proxy for WebSocket connections, if available".

import { HandshakeError } from '../error.ts';
import { isHost, parseIpv4, parseIpv6 } from '../handshake/origin.ts';
import type { ClientProxy } from './proxy.ts';
import type { Target } from './target.ts';
import type { Tunnel, TunnelOutcome } from './tunnel.ts';

/** What is waited for. */
type Step = 'method' | 'login' | 'reply';

const VERSION = 5;
const LOGIN_VERSION = 1;
const NO_LOGIN = 0;
const LOGIN = 2;

/** RFC 1928 §6, of the reply's field REP. */
const failures: readonly string[] = [
  'general SOCKS server failure',
  'connection not allowed by ruleset',
  'Network unreachable',
  'Host unreachable',
  'Connection refused',
  'TTL expired',
  'Command not supported',
  'Address type not supported',
];

/** One conversation. */
export class Socks5Tunnel implements Tunnel {
  readonly #credentials: ClientProxy['credentials'];
  readonly #request: Uint8Array;
  #step: Step = 'method';
  /** What has come of the answer that is waited for: 262 bytes at most. */
  #answer: number[] = [];
  #unsent: Uint8Array | undefined;
  #outcome: TunnelOutcome | undefined;

  /**
   * @param target A name is sent as it is: the proxy resolves it.
   * @throws HandshakeError (ERR_WS_PROXY) when the name is too long to be sent.
   * @throws TypeError when the host is none.
   */
  constructor({ credentials }: Pick<ClientProxy, 'credentials'>, target: Pick<Target, 'host' | 'port'>) {
    this.#credentials = credentials;
    // RFC 1928 §4: VER, CMD (CONNECT), RSV, ATYP and DST.ADDR, DST.PORT.
    this.#request = Uint8Array.of(VERSION, 1, 0, ...encodeHost(target.host), target.port >> 8, target.port & 0xff);
    // RFC 1928 §3: VER, NMETHODS, METHODS.
    this.#unsent =
      credentials === undefined ? Uint8Array.of(VERSION, 1, NO_LOGIN) : Uint8Array.of(VERSION, 2, NO_LOGIN, LOGIN);
  }

  get outcome(): TunnelOutcome | undefined {
    return this.#outcome;
  }

  take(): Uint8Array | undefined {
    const bytes = this.#unsent;
    this.#unsent = undefined;
    return bytes;
  }

  push(chunk: Uint8Array): void {
    for (const [index, byte] of chunk.entries()) {
      this.#readByte(byte);
      if (this.#outcome?.accepted) this.#outcome = { accepted: true, rest: chunk.subarray(index + 1) };
      if (this.#outcome !== undefined) return;
    }
  }

  end(): void {
    if (this.#outcome === undefined) this.#refuse('has ended the connection before its answer was whole');
  }

  #readByte(byte: number): void {
    // Whoever answers what was not asked is no proxy that one could understand.
    if (this.#unsent !== undefined) return this.#refuse('answers before it is asked');
    this.#answer.push(byte);
    const [version, code] = this.#answer;
    if (version !== (this.#step === 'login' ? LOGIN_VERSION : VERSION)) return this.#refuse('does not speak SOCKS5');
    if (code === undefined) return;
    if (this.#step === 'method') this.#takeMethod(code);
    else if (this.#step === 'login') this.#takeLogin(code);
    else this.#takeReply(code);
  }

  /** RFC 1928 §3: "If the selected METHOD is X'FF', none of the methods listed by the client are acceptable, and the client MUST close the connection." */
  #takeMethod(method: number): void {
    if (method === NO_LOGIN) this.#ask('reply', this.#request);
    else if (method === LOGIN && this.#credentials !== undefined) this.#ask('login', encodeLogin(this.#credentials));
    else
      this.#refuse(method === 0xff ? 'wants another login than it is offered' : 'chose a login that was not offered');
  }

  /** RFC 1929 §2: "If the server returns a `failure' (STATUS value other than X'00') status, it MUST close the connection." */
  #takeLogin(status: number): void {
    if (status === 0) this.#ask('reply', this.#request);
    else this.#refuse('does not accept the user and the password');
  }

  /** RFC 1928 §6: VER, REP, RSV, ATYP, BND.ADDR, BND.PORT. Where the proxy has bound its socket is of no use here. */
  #takeReply(code: number): void {
    if (code !== 0) return this.#refuse(`cannot connect: ${failures[code - 1] ?? `failure ${code}`}`);
    const [, , , type, length = 0] = this.#answer;
    if (type === undefined) return;
    const addressLength = type === 1 ? 4 : type === 4 ? 16 : type === 3 ? 1 + length : undefined;
    if (addressLength === undefined) return this.#refuse('answers with an address of an unknown type');
    if (this.#answer.length >= 6 + addressLength) this.#outcome = { accepted: true, rest: new Uint8Array(0) };
  }

  #ask(step: Step, bytes: Uint8Array): void {
    this.#step = step;
    this.#answer = [];
    this.#unsent = bytes;
  }

  #refuse(what: string): void {
    this.#outcome = { accepted: false, error: new HandshakeError('ERR_WS_PROXY', `The proxy ${what} (SOCKS5)`, 0) };
  }
}

/** RFC 1928 §5: ATYP, and the address. A name: "The first octet of the address field contains the number of octets of name that follow, there is no terminating NUL octet." */
function encodeHost(host: string): readonly number[] {
  const octets = parseIpv4(host);
  if (octets !== undefined) return [1, ...octets];
  const groups = parseIpv6(host);
  if (groups !== undefined) return [4, ...groups.flatMap((group) => [group >> 8, group & 0xff])];
  if (!isHost(host) || host.includes(':')) {
    throw new TypeError(`Cannot ask a proxy for ${JSON.stringify(host)}: it is not a host`);
  }
  if (host.length < 256) return [3, host.length, ...new TextEncoder().encode(host)];
  throw new HandshakeError('ERR_WS_PROXY', 'The name is too long to be sent to a proxy of SOCKS5', 0);
}

/** RFC 1929 §2: VER, ULEN, UNAME, PLEN, PASSWD. */
function encodeLogin({ name, password }: Required<ClientProxy>['credentials'] & object): Uint8Array {
  const [uname, passwd] = [name, password].map((text) => new TextEncoder().encode(text)) as [Uint8Array, Uint8Array];
  return Uint8Array.of(LOGIN_VERSION, uname.byteLength, ...uname, passwd.byteLength, ...passwd);
}
