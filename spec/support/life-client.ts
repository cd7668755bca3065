// A client that is cheap enough for ten thousand of them: it shakes hands, keeps the last bytes that came, and tells when the connection has gone.

import { connect, type Socket } from 'node:net';
import { requestHead } from './raw-client.ts';
import { within } from './until.ts';

const END_OF_HEAD = Buffer.from('\r\n\r\n');

/** One TCP connection to a server. */
export class LifeClient {
  readonly socket: Socket;
  /** Fulfils when both halves have ended, or the connection was cut. Never rejects. */
  readonly gone: Promise<void>;
  #bytes: Buffer = Buffer.alloc(0);
  #wake: () => void = () => {};

  /** @param answersEnd Whether it ends its half when the server does; otherwise it goes on until it is cut. */
  constructor(port: number, answersEnd: boolean) {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    this.socket.on('error', () => {});
    this.socket.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes.subarray(-1024), chunk]);
      this.#wake();
    });
    this.socket.on('end', () => {
      if (answersEnd) this.socket.end();
      else this.#talkOn();
      this.#wake();
    });
    this.gone = new Promise((resolve) => {
      this.socket.on('close', () => {
        resolve();
        this.#wake();
      });
    });
  }

  /** Sends the request for a path, with the bytes of `first` in the same packet, and waits for the whole head of the response. Gives its status. */
  async ask(target: string, first: Uint8Array = new Uint8Array(0)): Promise<number> {
    const port = this.socket.remotePort ?? 0;
    this.socket.write(Buffer.concat([requestHead(port, { target }), first]));
    while (!this.#bytes.includes(END_OF_HEAD) && !this.socket.closed) {
      await within(new Promise<void>((resolve) => this.#setWake(resolve)), 'the response');
    }
    return Number(this.#bytes.subarray(9, 12).toString('latin1'));
  }

  send(...parts: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(parts));
  }

  // What comes at a socket that was cut is answered with RST: that tells of the cut.
  #talkOn(): void {
    if (this.socket.destroyed) return;
    this.socket.write('still here');
    setTimeout(() => this.#talkOn(), 5);
  }

  #setWake(wake: () => void): void {
    this.#wake = wake;
  }
}
