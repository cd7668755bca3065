// Pairs of Duplexes that are connected: two sockets, or two Duplexes of no socket at all.

import { connect, createServer, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { within } from './until.ts';

const all = new Set<Duplex>();

/** Destroys all that are left, so that a process ends although a test of it has failed. */
export function destroyAllDuplexes(): void {
  for (const duplex of all) duplex.on('error', () => {}).destroy();
  all.clear();
}

/** Two sockets of one TCP connection: ours, and the peer's. Neither closes its half by itself. */
export async function socketPair(): Promise<[Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true });
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const peer = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  // The specs look at what our side sees of the peer's errors, never at the peer's own.
  peer.on('error', () => {});
  const [ours] = await within(
    Promise.all([accepted, new Promise((resolve) => peer.once('connect', resolve))]),
    'two connected sockets',
  );
  server.close();
  ours.setNoDelay(true);
  peer.setNoDelay(true);
  all.add(ours).add(peer);
  return [ours, peer];
}

/** One end of two connected Duplexes. What is written to one is read from the other: the very same bytes, not a copy. */
class DuplexEnd extends Duplex {
  other!: DuplexEnd;
  #taken: (() => void) | undefined;

  override _write(chunk: Buffer, _encoding: string, taken: () => void): void {
    if (this.other.destroyed) return taken();
    if (this.other.push(chunk)) taken();
    else this.other.#taken = taken;
  }

  override _read(): void {
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.();
  }

  override _final(done: () => void): void {
    this.other.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const { other } = this;
    if (!other.destroyed && !other.readableEnded) queueMicrotask(() => other.destroy(error ?? undefined));
    done(error);
  }
}

/** Two Duplexes of no socket: ours, and the peer's. */
export function duplexPair(): [Duplex, Duplex] {
  const ours = new DuplexEnd({ allowHalfOpen: true });
  const peer = new DuplexEnd({ allowHalfOpen: true });
  ours.other = peer;
  peer.other = ours;
  peer.on('error', () => {});
  all.add(ours).add(peer);
  return [ours, peer];
}
