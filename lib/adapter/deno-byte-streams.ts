// A connection of Deno's as a pair of WHATWG byte streams: what `upgrade` takes.

import { toByteStreams as transportToByteStreams } from '../stream/byte-streams.ts';
import type { ByteStreams } from '../stream/transport.ts';
import type { DenoConn } from './deno-api.ts';
import { DenoTransport } from './deno-transport.ts';

/**
 * Makes the byte streams of a `Deno.Conn`, TCP, TLS or a socket of the file system, whose own `readable` and `writable` each close both ways. Backpressure is the connection's own, in both
 * directions. Closing the writable half-closes the connection; aborting it, or cancelling the readable of a closed one, cuts it. The connection is not to be used beside them.
 *
 * Handed to `upgrade` untouched, the engine uses the connection directly.
 *
 * @param head Bytes that came with the head of the request: they are read first.
 *
 * @example
 * import { toByteStreams } from 'millrace/deno';
 *
 * const { readable, writable } = toByteStreams(conn);
 * const job = upgrade(readable, writable, undefined, undefined, { role: 'server', handler });
 */
export function toByteStreams(conn: DenoConn, head?: Uint8Array): ByteStreams {
  return transportToByteStreams(new DenoTransport(conn, head));
}
