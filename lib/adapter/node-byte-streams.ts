// A Node Duplex as a pair of WHATWG byte streams: what `upgrade` takes.

import type { Duplex } from 'node:stream';
import { toByteStreams as transportToByteStreams } from '../stream/byte-streams.ts';
import type { ByteStreams } from '../stream/transport.ts';
import { NodeTransport } from './node-duplex.ts';

/**
 * Makes the byte streams of a Duplex: a socket, a TLS socket, an HTTP/2 stream. Backpressure is the Duplex's own, in both directions. Closing the
 * writable half-closes the connection; aborting it, or cancelling the readable of a closed one, cuts it.
 *
 * Handed to `upgrade` untouched, the engine uses the Duplex directly.
 *
 * @param head Bytes that came with the head of the request: they are read first.
 *
 * @example
 * server.on('upgrade', (request, socket, head) => {
 *   const { readable, writable } = toByteStreams(socket, head);
 *   // … the opening handshake, then: upgrade(readable, writable)
 * });
 */
export function toByteStreams(duplex: Duplex, head?: Uint8Array): ByteStreams {
  return transportToByteStreams(new NodeTransport(duplex, head));
}
