// WebSocketStream and WebSocketError: the platform's own where it has both, or ours. Never one of each: an error of the one means nothing to the other.

import type { WebSocketStreamClass, WebSocketStreamInstance } from '../client/stream-class.ts';
import { WebSocketError as OurError } from '../client/web-socket-error.ts';
import {
  WebSocketStream as OurStream,
  type WebSocketOpenInfo,
  type WebSocketStreamOptions,
} from './browser-web-socket-stream.ts';

interface Classes {
  readonly WebSocketStream: typeof OurStream;
  readonly WebSocketError: typeof OurError;
}

/** The classes of a platform, if it has them; or ours. */
export function choosePlatformClasses(platform: Partial<Classes>): Classes {
  const { WebSocketStream, WebSocketError } = platform;
  if (typeof WebSocketStream === 'function' && typeof WebSocketError === 'function')
    return { WebSocketStream, WebSocketError };
  return { WebSocketStream: OurStream, WebSocketError: OurError };
}

const chosen: Classes = /* @__PURE__ */ choosePlatformClasses(globalThis as Partial<Classes>);

/**
 * A WebSocket connection as a pair of streams, as the WHATWG's draft has it: https://github.com/whatwg/websockets/pull/48. The platform's own where it has one, elsewhere one over its
 * `WebSocket`: there what is received cannot be held up, and is bounded by `maxQueued`.
 *
 * @example
 * const stream = new WebSocketStream('wss://example.com/chat');
 * const { readable, writable } = await stream.opened;
 */
export const WebSocketStream: WebSocketStreamClass<WebSocketStreamOptions, WebSocketOpenInfo> = chosen.WebSocketStream;
/** What that makes. */
export type WebSocketStream = WebSocketStreamInstance<WebSocketOpenInfo>;

/**
 * What a connection that has failed, or was closed with a code, is told by: the platform's own where it has one.
 *
 * @example
 * const error = new WebSocketError('Not now', { closeCode: 4000, reason: 'busy' });
 */
export const WebSocketError: typeof OurError = chosen.WebSocketError;
export type WebSocketError = OurError;
