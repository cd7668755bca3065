// A TCP proxy that can fall silent: the connections through it are half-open then. Nothing comes through any more, no FIN and no RST, and nobody is told.

import { connect, createServer, type Server, type Socket } from 'node:net';

/** What becomes of the bytes of one direction: carried, swallowed, or left in the socket that they have come to (so that its sender is held up in the end). */
export type Carriage = 'carried' | 'swallowed' | 'left';

export class SilentProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** From the clients to the server. */
  #up: Carriage = 'carried';
  /** From the server to the clients. */
  #down: Carriage = 'carried';

  /** @param port Where the server listens. */
  constructor(port: number) {
    this.#server = createServer({ allowHalfOpen: true }, (client) => {
      const server = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      this.#join(client, server, () => this.#up);
      this.#join(server, client, () => this.#down);
    });
  }

  static async open(port: number): Promise<SilentProxy> {
    const proxy = new SilentProxy(port);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** Says what becomes of what comes from now on. */
  set(up: Carriage, down: Carriage): void {
    this.#up = up;
    this.#down = down;
    for (const socket of this.#sockets) {
      if (up === 'left' || down === 'left') socket.pause();
      else socket.resume();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(from: Socket, to: Socket, carriage: () => Carriage): void {
    this.#sockets.add(from);
    from.setNoDelay(true);
    const carry = (act: () => void): void => {
      if (carriage() === 'carried') act();
    };
    from.on('data', (chunk) => carry(() => to.write(chunk)));
    from.on('end', () => carry(() => to.end()));
    from.on('error', () => carry(() => to.resetAndDestroy()));
    from.on('close', () => this.#sockets.delete(from));
  }
}
