// Opens a connection with the platform's WebSocket, for the WebSocketStream that stands on it.

import type { ConnectOptions } from '../client/connect.ts';
import { type EngineContext, resolveEngine } from '../connection/context.ts';
import { HandshakeError } from '../error.ts';
import { SocketSession } from './browser-socket-session.ts';

/** What may be said of a connection over the platform's WebSocket, beside the draft's options. */
export interface SocketOptions {
  /**
   * How many bytes of messages may wait unread. A message counts 64 bytes more than it holds, a text two bytes for each UTF-16 code unit. A single message may have more. At
   * least 1, or Infinity. Default: 64 MiB.
   */
  readonly maxQueued?: number;
  /** Its clock is used: for the looks at `bufferedAmount`. */
  readonly engineContext?: EngineContext;
}

/** @throws RangeError when it is no number of bytes. */
function checkMaxQueued(maxQueued: number): number {
  if (maxQueued === Number.POSITIVE_INFINITY || (Number.isSafeInteger(maxQueued) && maxQueued > 0)) return maxQueued;
  throw new RangeError(`Cannot connect: maxQueued ${String(maxQueued)} is no positive number of bytes`);
}

/**
 * Opens a connection. Rejects when that fails, without saying why: a page must not know; with the reason of the signal when that is aborted before. Throws what the platform's constructor
 * throws.
 */
export async function openSocket(url: string, options: ConnectOptions & SocketOptions): Promise<SocketSession> {
  const { subprotocols = [], signal, engineContext, maxQueued = 64 * 1024 * 1024 } = options;
  const most = checkMaxQueued(maxQueued);
  signal?.throwIfAborted();
  const { clock } = resolveEngine(engineContext);
  const socket = new WebSocket(url, [...subprotocols]);
  socket.binaryType = 'arraybuffer';
  return new Promise((resolve, reject) => {
    const done = new AbortController();
    const listen = (type: string, listener: () => void): void => {
      socket.addEventListener(type, listener, { signal: done.signal });
    };
    listen('open', () => {
      done.abort();
      resolve(new SocketSession(socket, clock, most));
    });
    listen('close', () => {
      done.abort();
      reject(new HandshakeError('ERR_WS_UNREACHABLE', 'The WebSocket could not be opened', 0));
    });
    const abort = (): void => {
      reject(signal?.reason);
      socket.close();
    };
    signal?.addEventListener('abort', abort, { signal: done.signal });
  });
}
