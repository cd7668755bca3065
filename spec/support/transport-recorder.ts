// A receiver that notes what any transport tells, and that it tells nothing from inside a call.

import * as assert from 'uvu/assert';
import type { Transport, TransportReceiver } from '../../lib/stream/transport.ts';
import { until } from './until.ts';

export class TransportRecorder implements TransportReceiver {
  readonly transport: Transport;
  readonly calls: string[] = [];
  /** The very chunks that were told. */
  readonly chunks: Uint8Array[] = [];
  readonly owned = new Set<boolean>();
  error: unknown;
  onChunk: () => void = () => {};
  #text = '';
  #isInside = false;

  constructor(transport: Transport) {
    this.transport = transport;
  }

  start(): this {
    this.transport.start(this);
    return this;
  }

  call(act: (transport: Transport) => void): void {
    const wasInside = this.#isInside;
    this.#isInside = true;
    act(this.transport);
    this.#isInside = wasInside;
  }

  /** What had come when it came, and was not changed since. */
  get received(): string {
    const now = this.chunks.map((chunk) => new TextDecoder('latin1').decode(chunk)).join('');
    assert.ok(now === this.#text, 'a chunk was changed after it was told');
    return now;
  }

  count(call: string): number {
    return this.calls.filter((each) => each === call).length;
  }

  async told(call: string): Promise<void> {
    await until(() => this.calls.includes(call), `${call} is told`);
  }

  chunkReceived(chunk: Uint8Array, isOwned: boolean): void {
    this.#note('chunkReceived');
    assert.is(chunk.constructor, Uint8Array, 'a chunk is a plain Uint8Array');
    assert.ok(chunk.byteLength > 0, 'a chunk has bytes');
    this.chunks.push(chunk);
    this.#text += new TextDecoder('latin1').decode(chunk);
    this.owned.add(isOwned);
    this.onChunk();
  }

  endReceived(): void {
    this.#note('endReceived');
  }

  writeTaken(): void {
    this.#note('writeTaken');
  }

  endSent(): void {
    this.#note('endSent');
  }

  transportClosed(error?: unknown): void {
    this.#note('transportClosed');
    this.error = error;
  }

  #note(call: string): void {
    if (this.#isInside) this.calls.push(`${call} from inside a call`);
    else if (this.calls.includes('transportClosed')) this.calls.push(`${call} after transportClosed`);
    else this.calls.push(call);
  }
}
