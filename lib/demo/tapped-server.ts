// A server over `node:http` that upgrades by hand, so that a tap fits between the socket and the engine: what byte streams are good for.

import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import {
  type CloseInfo,
  type ConnectionLimits,
  type Handler,
  type Job,
  type JobState,
  toByteStreams,
  toRequestHead,
  WebSocketUpgrade,
} from '../node.ts';
import type { Direction, Printer } from './print.ts';
import { TapPrinter } from './tap-printer.ts';
import { type TappedFrame, type WireListener, wireTap } from './wire-tap.ts';

/** Is told of one connection, beside what is printed. Must not throw. */
export interface Observer {
  /** @param drop Cuts the connection: no close frame, no FIN. */
  begin(job: Job, drop: () => void): void;
  frame(direction: Direction, frame: TappedFrame): void;
  end(state: JobState, info: CloseInfo): void;
}

/** Who a client is, and what is done for it. */
export interface Guest {
  /** What it is called in what is printed. */
  readonly name: string;
  readonly handler: Handler;
  /** Nothing of it is tapped or printed. */
  readonly isSilent?: boolean;
  readonly observer?: Observer;
  readonly limits?: Partial<ConnectionLimits>;
}

export interface TappedServerOptions {
  readonly printer: Printer;
  readonly guestOf: (request: IncomingMessage) => Guest;
  /** Answers a request that is no upgrade, and gives the status; undefined when it has no answer. */
  readonly answer?: (request: IncomingMessage, response: ServerResponse) => number | undefined;
}

/** Runs a handler on each session and prints what goes over the wire. */
export class TappedServer {
  readonly #http: Server;
  readonly #options: TappedServerOptions;
  readonly #sockets = new Set<Duplex>();
  readonly #jobs = new Map<Job, Guest>();
  readonly #stopping = new AbortController();

  constructor(options: TappedServerOptions) {
    this.#options = options;
    this.#http = createServer((request, response) => this.#answer(request, response));
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    this.#http.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  /** Listens on a port of 127.0.0.1, by default a free one, and gives it. Rejects when the port is taken; then it may be called again. */
  async listen(port = 0): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#http.once('error', reject);
      this.#http.listen(port, '127.0.0.1', () => {
        this.#http.off('error', reject);
        resolve();
      });
    });
    return (this.#http.address() as AddressInfo).port;
  }

  /** Fulfils when all jobs that run now have ended. */
  async quiet(): Promise<void> {
    await Promise.all(Array.from(this.#jobs.keys(), (job) => job.closed));
  }

  /** Closes all sessions with 1001 and frees the port. Gives how many sessions were open, the silent ones not counted. */
  async stop(): Promise<number> {
    const count = [...this.#jobs.values()].filter(({ isSilent }) => isSilent !== true).length;
    this.#http.close();
    this.#stopping.abort(new Error('The demo is stopping'));
    await this.quiet();
    for (const socket of this.#sockets) socket.destroy();
    return count;
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Made first: from now on no error of the socket is without a listener.
    const { readable, writable } = toByteStreams(socket, head);
    const guest = this.#options.guestOf(request);
    const upgrade = createUpgrade(request, guest);
    this.#noteAnswer(guest, request, upgrade.status);
    if (upgrade.status !== 101 || this.#stopping.signal.aborted) {
      socket.end(upgrade.status === 101 ? undefined : upgrade.response());
      return;
    }
    socket.write(upgrade.response());
    const context = { signal: this.#stopping.signal };
    const userContext = this.#userContext(guest);
    if (guest.isSilent === true) {
      this.#track(guest, upgrade.upgrade(readable, writable, context, userContext));
      return;
    }
    const tapPrinter = new TapPrinter(guest.name, this.#options.printer);
    const input = readable.pipeThrough(wireTap('server', createListener(guest, tapPrinter, 'to-server')));
    const output = wireTap('client', createListener(guest, tapPrinter, 'to-client'));
    // When the pipe breaks, the job knows it by its streams.
    output.readable.pipeTo(writable).catch(() => {});
    const job = upgrade.upgrade(input, output.writable, context, userContext);
    this.#track(guest, job);
    guest.observer?.begin(job, () => socket.destroy());
    void job.closed.then((info) => {
      tapPrinter.end(job.state, info);
      guest.observer?.end(job.state, info);
    });
  }

  #track(guest: Guest, job: Job): void {
    this.#jobs.set(job, guest);
    void job.closed.then(() => this.#jobs.delete(job));
  }

  // What is no upgrade: a plain GET of what nobody answers gets 426.
  #answer(request: IncomingMessage, response: ServerResponse): void {
    if (this.#options.answer?.(request, response) !== undefined) return;
    const guest = this.#options.guestOf(request);
    const { status, headers, body } = createUpgrade(request, guest);
    this.#noteAnswer(guest, request, status);
    // A request that keeps every rule came as 'upgrade', not here.
    response.writeHead(status === 101 ? 400 : status, headers.flat() as string[]);
    response.end(request.method === 'HEAD' ? undefined : body);
  }

  #noteAnswer({ name, isSilent }: Guest, { method, url }: IncomingMessage, status: number): void {
    if (isSilent === true && status === 101) return;
    this.#options.printer.note(name, `${method} ${url} is answered with ${status} ${STATUS_CODES[status]}`);
  }

  #userContext({ name }: Guest): { onError: (error: unknown) => void } {
    return { onError: (error) => this.#options.printer.note(name, `the handler failed: ${String(error)}`, 'red') };
  }
}

function createUpgrade(request: IncomingMessage, { handler, limits }: Guest): WebSocketUpgrade {
  const { localAddress, remoteAddress } = request.socket;
  return new WebSocketUpgrade(
    toRequestHead(request),
    {
      ...(localAddress === undefined ? undefined : { localAddress }),
      ...(remoteAddress === undefined ? undefined : { remoteAddress }),
      ...(limits === undefined ? undefined : { limits }),
    },
    handler,
  );
}

function createListener({ observer }: Guest, printer: TapPrinter, direction: Direction): WireListener {
  return {
    frame: (frame) => {
      printer.frame(direction, frame);
      observer?.frame(direction, frame);
    },
    message: (message) => printer.message(direction, message),
    fault: (fault) => printer.fault(fault),
  };
}
