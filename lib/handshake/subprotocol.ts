// The subprotocol: what the client offers in Sec-WebSocket-Protocol, and the one that a server picks. RFC 6455 §1.9,
// §4.2.2 (5) and §11.3.4. Names are compared exactly: they are no case-insensitive header tokens.

import { isToken, parseTokenList } from './http-head.ts';

/**
 * Parses the values of all Sec-WebSocket-Protocol fields of a request as one list. RFC 6455 §4.1: "The elements that
 * comprise this value MUST be non-empty strings with characters in the range U+0021 to U+007E not including separator
 * characters … and MUST all be unique strings."
 *
 * @param values One string for each field, in the order of the head; none gives an empty list.
 * @returns The offered names in the client's order of preference, or undefined when the list is malformed.
 */
export function parseSubprotocols(values: readonly string[]): string[] | undefined {
  const offered = parseTokenList(values);
  if (offered === undefined || !offered.every(isToken)) return undefined;
  if (new Set(offered).size !== offered.length) return undefined;
  return values.length > 0 && offered.length === 0 ? undefined : offered;
}

/**
 * Picks the subprotocol by the server's preference.
 *
 * @param offered What the client offers.
 * @param supported What the server speaks, the most preferred first.
 * @returns The first of `supported` that is offered, or '' when there is none: then the response has no
 * Sec-WebSocket-Protocol at all. RFC 6455 §4.2.2: "The empty string is not the same as the null value for these
 * purposes and is not a legal value for this field."
 */
export function chooseSubprotocol(offered: readonly string[], supported: readonly string[]): string {
  const names = new Set(offered);
  return supported.find((name) => names.has(name)) ?? '';
}
