// A receiver that notes what a transport tells it, and whether it was told from inside a call.

import * as assert from 'uvu/assert';
import type { Transport, TransportReceiver } from '../../lib/stream/transport.ts';
import { until } from './until.ts';

export class TransportRecorder implements TransportReceiver {
  readonly transport: Transport;
  /** What was told, in order. */
  readonly calls: string[] = [];
  /** The very chunks that were told. */
  readonly chunks: Uint8Array[] = [];
  readonly owned = new Set<boolean>();
  /** How many bytes have come. */
  received = 0;
  error: unknown;
  /** Whether the chunks are kept. */
  keeps = true;
  /** Do something when it is told: the transport may be called there. */
  onChunk: (chunk: Uint8Array) => void = () => {};
  onTaken: () => void = () => {};
  onEnd: () => void = () => {};
  #text = '';
  #isInside = false;

  constructor(transport: Transport) {
    this.transport = transport;
  }

  start(): this {
    this.transport.start(this);
    return this;
  }

  /** Calls a method of the transport. */
  call(act: (transport: Transport) => void): void {
    const wasInside = this.#isInside;
    this.#isInside = true;
    act(this.transport);
    this.#isInside = wasInside;
  }

  /** What has come, as it was when it came. */
  get text(): string {
    const now = this.chunks.map(toText).join('');
    assert.ok(now === this.#text, 'a chunk was changed after it was told');
    return now;
  }

  count(call: string): number {
    return this.calls.filter((each) => each === call).length;
  }

  async told(call: string): Promise<void> {
    await until(() => this.calls.includes(call), `${call} is told, and not only ${this.calls.join(', ')}`);
  }

  chunkReceived(chunk: Uint8Array, isOwned: boolean): void {
    this.#note('chunkReceived');
    assert.is(chunk.constructor, Uint8Array, 'a chunk is a plain Uint8Array');
    assert.ok(chunk.byteLength > 0, 'a chunk has bytes');
    this.received += chunk.byteLength;
    if (this.keeps) this.#keep(chunk);
    this.owned.add(isOwned);
    this.onChunk(chunk);
  }

  endReceived(): void {
    this.#note('endReceived');
    this.onEnd();
  }

  writeTaken(): void {
    this.#note('writeTaken');
    this.onTaken();
  }

  endSent(): void {
    this.#note('endSent');
  }

  transportClosed(error?: unknown): void {
    this.#note('transportClosed');
    this.error = error;
  }

  #keep(chunk: Uint8Array): void {
    this.chunks.push(chunk);
    this.#text += toText(chunk);
  }

  #note(call: string): void {
    if (this.#isInside) this.calls.push(`${call} from inside a call`);
    else if (this.calls.includes('transportClosed')) this.calls.push(`${call} after transportClosed`);
    else this.calls.push(call);
  }
}

function toText(bytes: Uint8Array): string {
  return new TextDecoder('latin1').decode(bytes);
}
