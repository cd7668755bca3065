// A receiver that notes what a transport tells it.

import type { Duplex } from 'node:stream';
import * as assert from 'uvu/assert';
import { NodeTransport } from '../../lib/adapter/node-duplex.ts';
import type { TransportReceiver } from '../../lib/stream/transport.ts';
import { until } from './until.ts';

/** Notes what a transport tells, and that it tells nothing from inside a call. */
export class Recorder implements TransportReceiver {
  readonly transport: NodeTransport;
  readonly calls: string[] = [];
  readonly chunks: Uint8Array[] = [];
  readonly owned = new Set<boolean>();
  error: unknown;
  /** Does something when a chunk comes. */
  onChunk: () => void = () => {};
  #isInside = false;

  constructor(duplex: Duplex, head?: Uint8Array) {
    this.transport = new NodeTransport(duplex, head);
  }

  start(): this {
    this.transport.start(this);
    return this;
  }

  /** Calls a method of the transport. */
  call(act: (transport: NodeTransport) => void): void {
    const wasInside = this.#isInside;
    this.#isInside = true;
    act(this.transport);
    this.#isInside = wasInside;
  }

  get received(): string {
    return Buffer.concat(this.chunks).toString('latin1');
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
    this.chunks.push(chunk.slice());
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
