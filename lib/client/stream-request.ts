// What is asked for with `new WebSocketStream(url, options)`, by the rules of the draft.

import { isToken } from '../handshake/http-head.ts';
import { toDictionary, toUsvString, toUsvStrings } from './web-idl.ts';

/** The options of the draft. */
export interface WebSocketStreamInit {
  /** The subprotocols that are offered, the most preferred first. The server must choose one of them. */
  readonly protocols?: Iterable<string>;
  /** Ends the attempt to connect; once that has succeeded it does nothing. */
  readonly signal?: AbortSignal;
}

/** The arguments, checked. */
export interface StreamRequest {
  /** As it is understood: `ws:` or `wss:`. A user in it stays there. */
  readonly url: string;
  /** Host and port. */
  readonly host: string;
  readonly protocols: readonly string[];
  readonly signal: AbortSignal | undefined;
  /** The members that the draft does not know. */
  readonly rest: Readonly<Record<string, unknown>>;
}

const schemes: ReadonlyMap<string, string> = new Map([
  ['ws:', 'ws:'],
  ['wss:', 'wss:'],
  ['http:', 'ws:'],
  ['https:', 'wss:'],
]);

/**
 * @param base What the URL may be relative to. Default: it must be absolute.
 * @throws TypeError when an argument has the wrong type; DOMException SyntaxError when the URL is none, is not one of `ws:`, `wss:`, `http:` and `https:`, or has a fragment, and when a
 * protocol is no token or is there twice, in whatever case.
 */
export function toStreamRequest(url: unknown, options: unknown, base?: string): StreamRequest {
  const text = toUsvString(url);
  const dictionary = toDictionary(options, 'The options');
  const { protocols: given } = dictionary;
  const protocols = given === undefined ? [] : toUsvStrings(given, 'protocols');
  const { signal } = dictionary;
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw new TypeError('signal is no AbortSignal');
  const parsed = parse(text, base);
  checkProtocols(protocols);
  const { protocols: _, signal: __, ...rest } = dictionary;
  const port = parsed.port || (parsed.protocol === 'wss:' ? '443' : '80');
  return { url: parsed.href, host: `${parsed.hostname}:${port}`, protocols, signal, rest };
}

function parse(text: string, base: string | undefined): URL {
  const url = URL.canParse(text, base) ? new URL(text, base) : undefined;
  const scheme = schemes.get(url?.protocol ?? '');
  if (url === undefined) throw new DOMException(`${JSON.stringify(text)} is no URL`, 'SyntaxError');
  if (scheme === undefined) {
    throw new DOMException(`The scheme of ${JSON.stringify(text)} is not ws, wss, http or https`, 'SyntaxError');
  }
  // An empty one too: it stays in the URL as it is written.
  if (url.href.includes('#')) throw new DOMException(`${JSON.stringify(text)} has a fragment`, 'SyntaxError');
  url.protocol = scheme;
  return url;
}

// RFC 6455 §4.1: "non-empty strings with characters in the range U+0021 to U+007E not including separator characters … and MUST all be unique strings".
function checkProtocols(protocols: readonly string[]): void {
  const seen = new Set<string>();
  for (const protocol of protocols) {
    const name = protocol.toLowerCase();
    if (!isToken(protocol)) throw new DOMException(`${JSON.stringify(protocol)} is no protocol`, 'SyntaxError');
    if (seen.has(name))
      throw new DOMException(`The protocol ${JSON.stringify(protocol)} is there twice`, 'SyntaxError');
    seen.add(name);
  }
}
