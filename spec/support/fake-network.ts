// A network in memory for a client: what it dials is answered by the test, over lines whose clock the test turns.

import type { Dial, Dialled } from '../../lib/client/connect.ts';
import type { Target } from '../../lib/client/target.ts';
import type { Session } from '../../lib/job/session.ts';
import { WebSocketUpgrade, type WebSocketUpgradeOptions } from '../../lib/job/web-socket-upgrade.ts';
import { type ByteStreams, claimTransport } from '../../lib/stream/transport.ts';
import { Line, type LineOptions } from '../../lib/testing/line.ts';
import { TestClock } from './clock.ts';
import { join } from './hex.ts';

/** A request as it came, and how it is answered. */
export class FakeRequest {
  readonly target: Target;
  /** The head as text, each byte a character. */
  readonly head: string;
  readonly line: Line;

  constructor(target: Target, head: string, line: Line) {
    this.target = target;
    this.head = head;
    this.line = line;
  }

  get path(): string {
    return this.head.split(' ')[1] ?? '';
  }

  get fields(): [string, string][] {
    const [, ...lines] = this.head.trimEnd().split('\r\n');
    return lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    });
  }

  /** The values of all fields of that name. */
  all(name: string): string[] {
    return this.fields.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value);
  }
}

/** What a server says: text (each character a byte), bytes, or nothing at all. */
export type Answer = string | Uint8Array | undefined;

/** How a connection is met: the bytes that answer, or the options of a server of ours that accepts. */
export type Responder = (request: FakeRequest) => Answer | { readonly accept: WebSocketUpgradeOptions };

export class FakeNetwork {
  readonly clock: TestClock = new TestClock();
  readonly targets: Target[] = [];
  readonly requests: FakeRequest[] = [];
  readonly lines: Line[] = [];
  /** The sessions of the server, where it has accepted. */
  readonly sessions: Session[] = [];
  readonly signals: AbortSignal[] = [];
  readonly #respond: Responder;
  readonly #options: LineOptions;

  constructor(respond: Responder = () => ({ accept: {} }), options: LineOptions = {}) {
    this.#respond = respond;
    this.#options = options;
  }

  /** Whether nothing of any connection is left. */
  get isQuiet(): boolean {
    return this.lines.every((line) => line.isClosed);
  }

  readonly dial: Dial = async (target, signal): Promise<Dialled> => {
    this.targets.push(target);
    this.signals.push(signal);
    signal.throwIfAborted();
    const { readable, writable } = this.join(target);
    const transport = claimTransport(readable, writable);
    if (transport === undefined) throw new Error('The line has no transport');
    return { transport, remoteAddress: `address of ${target.host}` };
  };

  /** The client's end of a new connection. */
  join(target: Target): ByteStreams {
    const line = new Line({ clock: this.clock, ...this.#options });
    this.lines.push(line);
    // What the test's responder throws resets the connection, and is seen there.
    this.#serve(target, line).catch((error) => line.reset(error));
    return line.client;
  }

  async #serve(target: Target, line: Line): Promise<void> {
    const { readable, writable } = line.server;
    const reader = readable.getReader();
    let head = '';
    while (!head.endsWith('\r\n\r\n')) {
      const { done, value } = await reader.read();
      if (done) return void (await writable.close());
      head += String.fromCharCode(...value);
    }
    const request = new FakeRequest(target, head, line);
    this.requests.push(request);
    const answer = this.#respond(request);
    const writer = writable.getWriter();
    if (answer === undefined || typeof answer === 'string' || answer instanceof Uint8Array) {
      if (answer !== undefined) await writer.write(toLatin1(answer));
      // It waits for the client to go.
      while (!(await reader.read()).done);
      return writer.close();
    }
    reader.releaseLock();
    const headers = request.fields;
    const upgrade = new WebSocketUpgrade({ method: 'GET', url: request.path, headers }, answer.accept, (session) => {
      this.sessions.push(session as Session);
      return echo(session as Session);
    });
    await writer.write(upgrade.response());
    writer.releaseLock();
    if (upgrade.status === 101) upgrade.upgrade(readable, writable, { clock: this.clock });
  }
}

async function echo(session: Session): Promise<void> {
  for await (const message of session) await session.send(message as string);
}

export function toLatin1(...parts: readonly (string | Uint8Array)[]): Uint8Array {
  return join(
    ...parts.map((part) =>
      typeof part === 'string' ? Uint8Array.from(part, (character) => character.charCodeAt(0)) : part,
    ),
  );
}

/** A response with these fields and this body. */
export function response(status: number, headers: Readonly<Record<string, string>> = {}, body = ''): string {
  const fields = Object.entries({ 'Content-Length': String(body.length), ...headers }).map(
    ([k, v]) => `${k}: ${v}\r\n`,
  );
  return `HTTP/1.1 ${status} X\r\n${fields.join('')}\r\n${body}`;
}
