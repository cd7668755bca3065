// The global `Bun` that is the test: what is asked of it is noted, and its sockets are made by hand.

import type { BunApi, BunConnectInit, BunListenInit } from '../../lib/adapter/bun-api.ts';
import { BunSocketByHand } from './bun-socket.ts';

const holder = globalThis as { Bun?: unknown };

/** Stands in for the runtime until it is disposed of. */
export class BunByHand implements BunApi, Disposable {
  listening: BunListenInit | undefined;
  connecting: BunConnectInit | undefined;
  readonly stops: boolean[] = [];
  readonly sockets: BunSocketByHand[] = [];
  refuse: (error: Error) => void = () => {};

  constructor() {
    holder.Bun = this;
  }

  listen(init: BunListenInit): { port: number; stop: (now: boolean) => void } {
    this.listening = init;
    return { port: 4321, stop: (now) => void this.stops.push(now) };
  }

  connect(init: BunConnectInit): Promise<never> {
    this.connecting = init;
    return new Promise((_, reject) => {
      this.refuse = reject;
    });
  }

  /** A socket that is accepted. */
  accept(): BunSocketByHand {
    const socket = new BunSocketByHand();
    this.sockets.push(socket);
    this.listening?.socket.open(socket);
    return socket;
  }

  /** The socket that is dialled is open. */
  open(): BunSocketByHand {
    const socket = new BunSocketByHand();
    socket.data = (this.connecting as BunConnectInit).data;
    this.connecting?.socket.open(socket);
    return socket;
  }

  [Symbol.dispose](): void {
    delete holder.Bun;
  }
}
