// A ListeningServer over connections in memory, with a clock that the test turns, and peers by hand: any bytes in, and what came back.

import type { Fetch } from '../../lib/adapter/fetch-request.ts';
import type { Accepted } from '../../lib/adapter/listener.ts';
import { ListeningServer, type ListeningServerOptions } from '../../lib/adapter/listening-server.ts';
import type { Handler } from '../../lib/job/job.ts';
import { claimTransport, type Transport } from '../../lib/stream/transport.ts';
import { Line, type LineOptions } from '../../lib/testing/line.ts';
import { TestClock } from '../../lib/testing/test-clock.ts';
import { fromLatin1, latin1 } from './deliver-response.ts';

/** The transport of one end of a line. */
function transportOf({ readable, writable }: Line['server']): Transport {
  return claimTransport(readable, writable) as Transport;
}

/** One client. */
export class HttpPeer {
  readonly line: Line;
  readonly #transport: Transport;
  readonly #writes: Uint8Array[] = [];
  #isWriting = false;
  #chunks: string[] = [];
  hasEnded = false;
  isClosed = false;
  #wantsEnd = false;

  constructor(line: Line) {
    this.line = line;
    this.#transport = transportOf(line.client);
    this.#transport.start({
      chunkReceived: (chunk) => void this.#chunks.push(fromLatin1(chunk)),
      endReceived: () => {
        this.hasEnded = true;
      },
      writeTaken: () => {
        this.#isWriting = false;
        this.#write();
      },
      endSent: () => {},
      transportClosed: () => {
        this.isClosed = true;
      },
    });
  }

  /** All that came, each byte as a character. */
  get received(): string {
    return this.#chunks.join('');
  }

  /** Bytes that wait to be taken. */
  get unsent(): number {
    return this.#writes.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  send(bytes: string | Uint8Array): void {
    this.#writes.push(typeof bytes === 'string' ? latin1(bytes) : bytes);
    this.#write();
  }

  /** Ends its half behind what was sent. */
  end(): void {
    this.#wantsEnd = true;
    this.#write();
  }

  /** Goes away at once. */
  reset(): void {
    this.line.reset();
  }

  /** Reads no more, or again. */
  pause(): void {
    this.#transport.pause();
  }

  resume(): void {
    this.#transport.resume();
  }

  /** Gives what came and forgets it. */
  take(): string {
    const text = this.received;
    this.#chunks = [];
    return text;
  }

  /** Lets all that is ready happen, then gives what came. */
  async answer(): Promise<string> {
    await this.line.clock.settled();
    return this.take();
  }

  /** Sends, lets all that is ready happen, and gives what came. */
  ask(bytes: string | Uint8Array): Promise<string> {
    this.send(bytes);
    return this.answer();
  }

  #write(): void {
    if (this.#isWriting || this.isClosed) return;
    const bytes = this.#writes.shift();
    if (bytes !== undefined) {
      this.#isWriting = true;
      this.#transport.write([bytes]);
    } else if (this.#wantsEnd) {
      this.#wantsEnd = false;
      this.#transport.end();
    }
  }
}

/** A server and its clients. */
export class HttpTown {
  readonly clock = new TestClock();
  readonly server: ListeningServer;
  /** What was reported to the user context. */
  readonly reported: unknown[] = [];
  #accept: (accepted: Accepted) => void = () => {};
  /** Whether it listens no more. */
  isClosed = false;
  onError: (error: unknown) => void = () => {};

  constructor(options: ListeningServerOptions = {}, handler: Handler = echo) {
    const userContext = { onError: (error: unknown) => void this.reported.push(error), ...options.userContext };
    this.server = new ListeningServer(
      { ...options, userContext, engineContext: { clock: this.clock } },
      handler,
      false,
    );
  }

  /** A server that answers with that callback. */
  static async open(fetch?: Fetch, options: ListeningServerOptions = {}, handler?: Handler): Promise<HttpTown> {
    const town = new HttpTown({ ...options, ...(fetch === undefined ? undefined : { fetch }) }, handler);
    await town.server.listen(async (onAccepted, onError) => {
      town.#accept = onAccepted;
      town.onError = onError;
      return {
        host: '127.0.0.1',
        port: 8080,
        close: () => {
          town.isClosed = true;
        },
      };
    });
    return town;
  }

  connect(options: LineOptions = {}, facts: Omit<Accepted, 'transport'> = {}): HttpPeer {
    const line = new Line({ ...options, clock: this.clock });
    const peer = new HttpPeer(line);
    this.#accept({ transport: transportOf(line.server), ...facts });
    return peer;
  }
}

async function echo(
  session: AsyncIterable<string | Uint8Array> & { send(data: string | Uint8Array): unknown },
): Promise<void> {
  for await (const message of session) await session.send(message);
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Map<string, string>;
  readonly body: string;
}

/** Parses the responses in a text, which it has to consist of. Bodies are told by Content-Length or chunks; `heads` are those without one. */
export function parseAnswers(text: string, methods: readonly string[] = []): HttpAnswer[] {
  const answers: HttpAnswer[] = [];
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf('\r\n\r\n', at);
    if (end < 0) throw new Error(`No head: ${JSON.stringify(text.slice(at))}`);
    const [first = '', ...lines] = text.slice(at, end).split('\r\n');
    const status = Number(/^HTTP\/1\.1 ([0-9]{3}) /.exec(first)?.[1]);
    const headers = new Map<string, string>();
    for (const line of lines) {
      const colon = line.indexOf(': ');
      const name = line.slice(0, colon).toLowerCase();
      const before = headers.get(name);
      headers.set(name, `${before === undefined ? '' : `${before} | `}${line.slice(colon + 2)}`);
    }
    at = end + 4;
    let body = '';
    const hasBody = methods[answers.length] !== 'HEAD' && status !== 204 && status !== 304 && status >= 200;
    if (hasBody && headers.get('transfer-encoding') === 'chunked') {
      for (;;) {
        const line = text.indexOf('\r\n', at);
        const size = Number.parseInt(text.slice(at, line), 16);
        if (line < 0 || !(size >= 0)) throw new Error(`No chunk: ${JSON.stringify(text.slice(at))}`);
        body += text.slice(line + 2, line + 2 + size);
        at = line + 2 + size + 2;
        if (size === 0) break;
      }
    } else if (hasBody) {
      const length = headers.get('content-length');
      const size = length === undefined ? text.length - at : Number(length);
      body = text.slice(at, at + size);
      at += size;
    }
    answers.push({ status, headers, body });
  }
  return answers;
}
