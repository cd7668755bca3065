// WebSocketStream and WebSocketError: the platform's own where it has both, or ours. Never one of each: an error of the one means nothing to the other.

import { WebSocketError as OurError } from '../client/web-socket-error.ts';
import { WebSocketStream as OurStream } from './browser-web-socket-stream.ts';

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

/** {@inheritDoc OurStream} */
export const WebSocketStream: typeof OurStream = chosen.WebSocketStream;
export type WebSocketStream = OurStream;

/** {@inheritDoc OurError} */
export const WebSocketError: typeof OurError = chosen.WebSocketError;
export type WebSocketError = OurError;
