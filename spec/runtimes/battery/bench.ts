// One battery at work: its host, with sessions that are loosely typed (each test says what they carry), and what a test has started.

import * as assert from 'uvu/assert';
import type { CloseInfo } from '../../../lib/connection/close-info.ts';
import type { Sendable } from '../../../lib/connection/sendable.ts';
import type { Handler } from '../../../lib/job/job.ts';
import type { Session } from '../../../lib/job/session.ts';
import type { Message } from '../../../lib/message/message.ts';
import { until, within } from '../../support/until.ts';
import type { ClientOptions, Host, HostServer, ServerOptions } from './host.ts';

type Talk<I, O> = Session<undefined, I, O>;

/** A server, the sessions that it had, and what was reported of their handlers. */
export class Bench<I = Message, O = Sendable> implements AsyncDisposable {
  readonly host: Host;
  readonly server: HostServer;
  readonly sessions: Talk<I, O>[];
  readonly reported: unknown[];

  constructor(host: Host, server: HostServer, sessions: Talk<I, O>[], reported: unknown[]) {
    this.host = host;
    this.server = server;
    this.sessions = sessions;
    this.reported = reported;
  }

  /** Serves; by default each session echoes. */
  static async open<I = Message, O = Sendable>(
    host: Host,
    options: ServerOptions = {},
    handler: (session: Talk<I, O>) => unknown = echoAll as never,
  ): Promise<Bench<I, O>> {
    const sessions: Talk<I, O>[] = [];
    const reported: unknown[] = [];
    const serving: Handler<undefined, I, O> = (session) => {
      sessions.push(session);
      return handler(session) as Promise<unknown>;
    };
    const userContext = { onError: (error: unknown) => void reported.push(error), ...options.userContext };
    // Handlers that never end are let go of soon.
    const limits = { handlerTimeout: 100, ...options.limits };
    const server = await host.serve({ ...options, userContext, limits }, serving as never);
    return new Bench(host, server, sessions, reported);
  }

  async connect<CI = Message, CO = Sendable>(options: ClientOptions = {}, path = '/'): Promise<Talk<CI, CO>> {
    return within(this.host.connect(this.server, path, options), 'a connection') as unknown as Promise<Talk<CI, CO>>;
  }

  /** The session of the server's side that came as that one. */
  async session(index = 0): Promise<Talk<I, O>> {
    await until(() => this.sessions.length > index, 'a handler is called');
    return this.sessions[index] as Talk<I, O>;
  }

  /** How the server's side of a session ended. */
  async end(index = 0): Promise<CloseInfo> {
    return within((await this.session(index)).job.closed, 'the end of a job');
  }

  /** Asserts that all sessions have come to their end. */
  async quiet(): Promise<void> {
    await until(() => this.server.counters.open === 0, 'all jobs have ended');
    assert.equal([...this.server.sessions], []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop({ timeout: 0 });
  }
}

async function echoAll(session: Session<undefined, never, never>): Promise<void> {
  for await (const message of session) await session.send(message);
}

/** Never ends by itself, never reads. */
export function idle(): Promise<never> {
  return new Promise(() => {});
}

/** The next message, which must come. */
export async function next<I>(session: Session<undefined, I, never>): Promise<I> {
  const message = await within(session.receive(), 'a message');
  assert.is.not(message, undefined, 'a message, not the end');
  return message as I;
}

/** Sends a message and asserts that it comes back. */
export async function assertEchoes(session: Session, message: string | Uint8Array): Promise<void> {
  await session.send(message);
  assertSame(await next(session), message);
}

export function assertSame(actual: Message, expected: Message): void {
  if (typeof expected === 'string' || typeof actual === 'string') {
    assert.ok(actual === expected, `${brief(actual)} is not ${brief(expected)}`);
  } else {
    assert.is(Buffer.compare(actual, expected), 0, `${brief(actual)} is not ${brief(expected)}`);
  }
}

function brief(message: Message): string {
  return typeof message === 'string' ? JSON.stringify(message.slice(0, 40)) : `${message.byteLength} bytes`;
}

/** Bytes of some size, of which no two stretches are the same. */
export function bytesOf(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, index) => Math.imul(index + 1, 0x9e3779b1) >>> 24);
}
