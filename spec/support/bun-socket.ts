// A socket of Bun that is the test: it has as much room as the test gives it, and calls back as Bun's own do: its end from inside `terminate` and `close`, and `drain` for no reason.

import type { BunSocket, BunSocketOwner } from '../../lib/adapter/bun-api.ts';
import { join } from './hex.ts';

export class BunSocketByHand implements BunSocket {
  data!: BunSocketOwner;
  localAddress: string | undefined = '127.0.0.1';
  remoteAddress: string | undefined = '127.0.0.2';
  authorized = false;
  alpnProtocol: string | false | null = false;
  /** What it was asked, in order: `write 12 of 20`, `pause`, `resume`, `shutdown`, `close`, `terminate`. */
  readonly asked: string[] = [];
  /** What it has accepted. */
  readonly accepted: Uint8Array[] = [];
  /** How many bytes it accepts before it is full. */
  room = Number.POSITIVE_INFINITY;
  isPaused = false;
  isShutDown = false;
  isClosed = false;
  /** Whether the peer has reset the connection, and a write was the first to see it. */
  isGone = false;
  /** Whether `close` never ends, as over TLS when the peer does not read. */
  isStuck = false;
  certificate: unknown = {};

  get written(): Uint8Array {
    return join(...this.accepted);
  }

  get writes(): number {
    return this.asked.filter((call) => call.startsWith('write')).length;
  }

  getTLSVersion(): string {
    return 'TLSv1.3';
  }

  getCipher(): { readonly standardName: string } {
    return { standardName: 'TLS_AES_128_GCM_SHA256' };
  }

  getServername(): string | undefined {
    return 'server.example';
  }

  getPeerCertificate(): never {
    return this.certificate as never;
  }

  write(bytes: Uint8Array, offset: number, length: number): number {
    if (offset < 0 || offset + length > bytes.byteLength) throw new RangeError('It is out of range');
    if (this.isClosed || this.isShutDown || this.isGone) return -1;
    const size = Math.min(this.room, length);
    this.room -= size;
    this.asked.push(`write ${size} of ${length}`);
    // The bytes may be changed as soon as this returns.
    this.accepted.push(bytes.slice(offset, offset + size));
    return size;
  }

  shutdown(): void {
    if (this.isClosed) return;
    this.asked.push('shutdown');
    this.isShutDown = true;
  }

  close(): void {
    if (this.isClosed) return;
    this.asked.push('close');
    if (!this.isStuck) this.giveClose();
  }

  terminate(): void {
    if (this.isClosed) return;
    this.asked.push('terminate');
    this.giveClose();
  }

  pause(): void {
    this.asked.push('pause');
    this.isPaused = true;
    queueMicrotask(() => this.giveDrain());
  }

  resume(): void {
    this.asked.push('resume');
    this.isPaused = false;
    queueMicrotask(() => this.giveDrain());
  }

  setNoDelay(): boolean {
    this.asked.push('setNoDelay');
    return true;
  }

  // --- What the test says ----------------------------------------------------------------------------------------------

  give(chunk: Uint8Array): void {
    this.data.received(chunk);
  }

  giveEnd(): void {
    this.data.ended();
  }

  /** There is room for so many bytes. */
  giveRoom(size: number): void {
    this.room = size;
    this.giveDrain();
  }

  giveDrain(): void {
    if (!this.isClosed) this.data.drained();
  }

  giveClose(error?: Error): void {
    this.isClosed = true;
    this.data.closed(error);
  }
}
