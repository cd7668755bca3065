// A tunnel through a proxy of HTTP: CONNECT, RFC 9110 §9.3.6. RFC 6455 §4.1 (3): "if the user agent uses an HTTP proxy for all traffic, then if it was to try to
// connect to port 80 on server example.com, it might send the following lines to the proxy server: CONNECT example.com:80 HTTP/1.1, Host: example.com".

import { HandshakeError } from '../error.ts';
import { serializeRequest } from '../handshake/http-head.ts';
import { HttpResponse, type HttpResponseOptions } from '../handshake/http-response.ts';
import { isHost } from '../handshake/origin.ts';
import type { ClientProxy } from './proxy.ts';
import type { Target } from './target.ts';
import type { Tunnel, TunnelOutcome } from './tunnel.ts';

/** One CONNECT. */
export class HttpTunnel implements Tunnel {
  readonly #response: HttpResponse;
  #request: Uint8Array | undefined;
  #outcome: TunnelOutcome | undefined;

  /** @throws TypeError when the host of the target cannot be written. */
  constructor(
    { headers }: Pick<ClientProxy, 'headers'>,
    target: Pick<Target, 'host' | 'port'>,
    { limits }: Pick<HttpResponseOptions, 'limits'>,
  ) {
    const authority = toAuthority(target);
    this.#request = serializeRequest(authority, [['Host', authority], ...headers], 'CONNECT');
    this.#response = new HttpResponse({ limits, method: 'CONNECT' });
  }

  get outcome(): TunnelOutcome | undefined {
    return this.#outcome;
  }

  take(): Uint8Array | undefined {
    const request = this.#request;
    this.#request = undefined;
    return request;
  }

  push(chunk: Uint8Array): void {
    this.#response.push(chunk);
    if (this.#response.isDone) this.#outcome = this.#judge();
  }

  end(): void {
    if (this.#outcome !== undefined) return;
    this.#response.end();
    this.#outcome = this.#judge();
  }

  /**
   * RFC 9110 §9.3.6: "Any 2xx (Successful) response indicates that the sender (and all inbound proxies) will switch to tunnel mode immediately after the response
   * header section"; "Any response other than a successful response indicates that the tunnel has not yet been formed." A 101 is none: no upgrade was asked for.
   */
  #judge(): TunnelOutcome {
    const { isSwitched, status, headers, body, fault, rest } = this.#response;
    if (isSwitched && status !== 101) return { accepted: true, rest };
    if (headers === undefined) return refuseHead(fault as HandshakeError);
    const message = `The proxy answered with status ${status} to CONNECT`;
    const details = { headers: [...headers], body, ...(fault && { cause: fault }) };
    return { accepted: false, error: new HandshakeError('ERR_WS_PROXY', message, status, details) };
  }
}

/** What began as an answer and broke off is none: it has no status. The cause tells of it. */
function refuseHead(cause: HandshakeError): TunnelOutcome {
  const { code, headers, body } = cause;
  const status = code === 'ERR_WS_RESPONSE_INCOMPLETE' ? 0 : cause.status;
  const message = `The proxy gave no answer to CONNECT that can be read: ${cause.message}`;
  return { accepted: false, error: new HandshakeError('ERR_WS_PROXY', message, status, { headers, body, cause }) };
}

/** RFC 9110 §9.3.6: "There is no default port; a client MUST send the port number even if the CONNECT request is based on a URI reference that contains … an elided port". */
function toAuthority({ host, port }: Pick<Target, 'host' | 'port'>): string {
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  if (isHost(authority)) return authority;
  throw new TypeError(`Cannot ask a proxy for ${JSON.stringify(authority)}: it is not a host`);
}
