// A server over `node:http` that upgrades by hand, so that a tap fits between the socket and the engine: what byte streams are good for.

import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Handler, type Job, toByteStreams, toRequestHead, WebSocketUpgrade } from '../node.ts';
import type { Direction, Printer } from './print.ts';
import { type WireListener, wireTap } from './wire-tap.ts';

export interface TappedServerOptions {
  readonly printer: Printer;
  /** What a client is called in what is printed. */
  readonly nameOf: (request: IncomingMessage) => string;
}

/** Runs the handler on each session and prints what goes over the wire. */
export class TappedServer {
  readonly #http: Server;
  readonly #printer: Printer;
  readonly #nameOf: (request: IncomingMessage) => string;
  readonly #handler: Handler;
  readonly #sockets = new Set<Duplex>();
  readonly #jobs = new Set<Job>();
  readonly #stopping = new AbortController();

  constructor({ printer, nameOf }: TappedServerOptions, handler: Handler) {
    this.#printer = printer;
    this.#nameOf = nameOf;
    this.#handler = handler;
    this.#http = createServer((request, response) => this.#refuse(request, response));
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    this.#http.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  /** Listens on a free port of 127.0.0.1, and gives the URL. */
  async listen(): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#http.once('error', reject);
      this.#http.listen(0, '127.0.0.1', resolve);
    });
    return `ws://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  /** Fulfils when all jobs that run now have ended. */
  async quiet(): Promise<void> {
    await Promise.all([...this.#jobs].map((job) => job.closed));
  }

  /** Closes all sessions with 1001 and frees the port. Gives how many sessions were open. */
  async stop(): Promise<number> {
    const count = this.#jobs.size;
    this.#http.close();
    this.#stopping.abort(new Error('The demo is stopping'));
    await this.quiet();
    for (const socket of this.#sockets) socket.destroy();
    return count;
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Made first: from now on no error of the socket is without a listener.
    const { readable, writable } = toByteStreams(socket, head);
    const upgrade = this.#createUpgrade(request);
    const name = this.#nameOf(request);
    this.#noteAnswer(name, request, upgrade.status);
    if (upgrade.status !== 101 || this.#stopping.signal.aborted) {
      socket.end(upgrade.status === 101 ? undefined : upgrade.response());
      return;
    }
    socket.write(upgrade.response());
    const input = readable.pipeThrough(wireTap('server', this.#listener(name, 'to-server')));
    const output = wireTap('client', this.#listener(name, 'to-client'));
    // When the pipe breaks, the job knows it by its streams.
    output.readable.pipeTo(writable).catch(() => {});
    const context = { signal: this.#stopping.signal };
    this.#watch(name, upgrade.upgrade(input, output.writable, context, this.#userContext(name)));
  }

  #createUpgrade(request: IncomingMessage): WebSocketUpgrade {
    const { localAddress, remoteAddress } = request.socket;
    return new WebSocketUpgrade(
      toRequestHead(request),
      {
        ...(localAddress === undefined ? undefined : { localAddress }),
        ...(remoteAddress === undefined ? undefined : { remoteAddress }),
      },
      this.#handler,
    );
  }

  #watch(name: string, job: Job): void {
    this.#jobs.add(job);
    void job.closed.then((info) => {
      this.#printer.end(name, job.state, info);
      this.#jobs.delete(job);
    });
  }

  // What is no upgrade: a plain GET gets 426.
  #refuse(request: IncomingMessage, response: ServerResponse): void {
    const { status, headers, body } = this.#createUpgrade(request);
    this.#noteAnswer(this.#nameOf(request), request, status);
    // A request that keeps every rule came as 'upgrade', not here.
    response.writeHead(status === 101 ? 400 : status, headers.flat() as string[]);
    response.end(request.method === 'HEAD' ? undefined : body);
  }

  #noteAnswer(name: string, { method, url }: IncomingMessage, status: number): void {
    this.#printer.note(name, `${method} ${url} is answered with ${status} ${STATUS_CODES[status]}`);
  }

  #listener(name: string, direction: Direction): WireListener {
    const printer = this.#printer;
    return {
      frame: (frame) => printer.frame(name, direction, frame),
      message: (message) => printer.message(name, direction, message),
      fault: ({ message }) => printer.note(name, `what follows cannot be decoded: ${message}`, 'red'),
    };
  }

  #userContext(name: string): { onError: (error: unknown) => void } {
    return { onError: (error) => this.#printer.note(name, `the handler failed: ${String(error)}`, 'red') };
  }
}
