// Whether and where a redirect leads: RFC 9110 §15.4. What an attacker who controls one answer could gain by it is refused.

import { HandshakeError } from '../error.ts';
import { parseTarget, type Target } from './target.ts';

const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** RFC 9110 §15.4: header fields that are for one host: "remove header fields that were … specific to the request". */
const secret: ReadonlySet<string> = new Set([
  'authorization',
  'cookie',
  'cookie2',
  'proxy-authorization',
  'host',
  'www-authenticate',
]);

export interface Redirect {
  readonly target: Target;
  readonly headers: readonly (readonly [string, string])[];
}

/**
 * Where the refusal of a target leads; undefined when it is no redirect.
 *
 * @throws HandshakeError (ERR_WS_REDIRECT) when it leads where nobody should follow: from `wss:` to `ws:`, or to what is no URL of a WebSocket.
 */
export function nextTarget(
  refusal: HandshakeError,
  from: Target,
  headers: readonly (readonly [string, string])[],
): Redirect | undefined {
  // A head that was malformed, cut or too large is nobody's word.
  if (refusal.code !== 'ERR_WS_NOT_UPGRADED' || !redirects.has(refusal.status)) return undefined;
  const locations = refusal.headers.filter(([name]) => name.toLowerCase() === 'location');
  const [location, ...others] = locations;
  if (location === undefined) return undefined;
  const target = others.length > 0 ? undefined : parseLocation(location[1], from);
  if (target === undefined) throw refuse(refusal, 'it leads to no WebSocket');
  if (from.isSecure && !target.isSecure) throw refuse(refusal, 'it leads from wss: to ws:');
  if (from.socketPath !== target.socketPath) throw refuse(refusal, 'it leads to another kind of connection');
  // Another port is another server.
  if (target.authority === from.authority && target.isSecure === from.isSecure) return { target, headers };
  return { target, headers: headers.filter(([name]) => !secret.has(name.toLowerCase())) };
}

function parseLocation(location: string, from: Target): Target | undefined {
  try {
    const target = parseTarget(...resolve(location, from));
    // What was not asked for is not sent: credentials that the answer has made up.
    return { ...target, credentials: undefined };
  } catch {
    return undefined;
  }
}

/** A URL and its base. A path is one of the same socket, which the grammar of URLs does not know. */
function resolve(location: string, { href, isSecure, path, socketPath }: Target): [url: string, base?: string] {
  if (socketPath === undefined || URL.canParse(location)) return [location, href];
  const resolved = parseTarget(location, `ws://localhost${path}`);
  if (resolved.authority !== 'localhost') return [resolved.href];
  const socket = socketPath.split('/').map(encodeURIComponent).join('/');
  return [`${isSecure ? 'wss' : 'ws'}+unix:${socket}:${resolved.path}`];
}

function refuse({ status, headers, body }: HandshakeError, why: string): HandshakeError {
  return new HandshakeError('ERR_WS_REDIRECT', `The redirect is not followed: ${why}`, status, { headers, body });
}
