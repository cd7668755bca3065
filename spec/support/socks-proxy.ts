// A proxy of SOCKS5 that passes on (RFC 1928, 1929): with a login or without one, and whatever else a test lets it answer. It shares no code with the library.

import { connect, createServer, type Server, type Socket } from 'node:net';
import { RawClient } from './raw-client.ts';
import { within } from './until.ts';

export interface SocksProxyOptions {
  /** `name:password` that it wants. */
  readonly credentials?: string;
  /** Where a name leads; by default nowhere. */
  readonly names?: Readonly<Record<string, string>>;
  /** What it does once it was asked, instead of passing on. */
  readonly answer?: (socket: Socket) => unknown;
  /** Its reply that it is connected. */
  readonly reply?: Uint8Array;
}

export class SocksProxy implements AsyncDisposable {
  /** What it was asked for, with the type of the address: `3 example.com:80`. */
  readonly asked: string[] = [];
  /** Who asked, and the methods that were offered: `0,2 me:secret`. */
  readonly logins: string[] = [];
  readonly #options: SocksProxyOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(options: SocksProxyOptions) {
    this.#options = options;
    this.#server = createServer((socket) => {
      this.#keep(socket);
      // A client that goes away while it is read is no failure of the test.
      this.#serve(new RawClient(socket)).catch(() => socket.destroy());
    });
  }

  static async open(options: SocksProxyOptions = {}): Promise<SocksProxy> {
    const proxy = new SocksProxy(options);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** Its URL, with a user where there is one. */
  url(scheme: 'socks5' | 'socks5h', user?: string): string {
    return `${scheme}://${user === undefined ? '' : `${user}@`}127.0.0.1:${this.port}`;
  }

  /** Connections of both kinds that are not closed yet. */
  get open(): number {
    return this.#sockets.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await within(new Promise((resolve) => this.#server.close(resolve)), 'the end of a proxy');
  }

  async #serve(client: RawClient): Promise<void> {
    const { credentials, answer } = this.#options;
    const methods = [...(await client.take((await client.take(2))[1] ?? 0))];
    const method = credentials === undefined ? 0 : 2;
    client.send(Uint8Array.of(5, methods.includes(method) ? method : 0xff));
    if (!methods.includes(method)) return client.end();
    const text = async (): Promise<string> => (await client.take((await client.take(1))[0] ?? 0)).toString();
    if (method === 2) await client.take(1);
    const user = method === 2 ? `${await text()}:${await text()}` : '';
    this.logins.push(`${methods} ${user}`);
    if (method === 2) client.send(Uint8Array.of(1, user === credentials ? 0 : 1));
    if (method === 2 && user !== credentials) return client.end();
    const type = (await client.take(4))[3];
    let host = '';
    if (type === 3) host = await text();
    else if (type === 1) host = (await client.take(4)).join('.');
    else host = (await client.take(16)).toString('hex').replace(/(....)(?=.)/g, '$1:');
    const port = (await client.take(2)).readUInt16BE();
    this.asked.push(`${type} ${host}:${port}`);
    if (answer !== undefined) return void answer(client.socket);
    this.#join(client, type === 3 ? this.#options.names?.[host] : host, port);
  }

  #join(client: RawClient, host: string | undefined, port: number): void {
    const { reply = Uint8Array.of(5, 0, 0, 1, 0, 0, 0, 0, 0, 0) } = this.#options;
    const { socket } = client;
    if (host === undefined) {
      socket.end(Uint8Array.of(5, 4, 0, 1, 0, 0, 0, 0, 0, 0));
      return;
    }
    const server = connect({ host, port });
    this.#keep(server);
    server.once('connect', () => {
      socket.write(reply);
      socket.removeAllListeners('data');
      socket.pipe(server).pipe(socket);
    });
    server.once('error', () => socket.end(Uint8Array.of(5, 5, 0, 1, 0, 0, 0, 0, 0, 0)));
    socket.once('close', () => server.destroy());
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => this.#sockets.delete(socket));
  }
}
