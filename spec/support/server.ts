// Servers for the specs of real sockets: each keeps what its sessions were and what was reported of their handlers. And the watch
// over what must never happen: an error that escapes a connection.

import process from 'node:process';
import * as assert from 'uvu/assert';
import type { CloseInfo } from '../../lib/connection/close-info.ts';
import type { Handler } from '../../lib/job/job.ts';
import type { Session } from '../../lib/job/session.ts';
import type { ServeOptions, WebSocketServer } from '../../lib/node.ts';
import { close, RawClient, text } from './raw-client.ts';
import { serve } from './serving.ts';
import { turns, until, within } from './until.ts';

/** Sends back what comes. */
export async function echo(session: Session): Promise<void> {
  for await (const message of session) await session.send(message);
}

/** Never ends by itself, never reads. */
export function idle(): Promise<never> {
  return new Promise(() => {});
}

/** A server on a free port of 127.0.0.1. */
export class TestServer implements AsyncDisposable {
  readonly server: WebSocketServer;
  /** The sessions, in the order in which their handlers were called. */
  readonly sessions: Session[];
  /** What handlers threw, as it was reported to the user context. */
  readonly reported: unknown[];
  #taken = 0;

  constructor(server: WebSocketServer, sessions: Session[], reported: unknown[]) {
    this.server = server;
    this.sessions = sessions;
    this.reported = reported;
  }

  get port(): number {
    return this.server.port;
  }

  get url(): string {
    return this.server.url;
  }

  /** The next session that nobody has asked for yet. */
  async session(): Promise<Session> {
    await until(() => this.sessions.length > this.#taken, 'a handler is called');
    return this.sessions[this.#taken++] as Session;
  }

  /** Fulfils when no connection is left, and asserts what the counters say then. */
  async quiet(): Promise<void> {
    await until(() => this.server.counters.connections === 0, 'all connections are gone');
    await until(() => this.server.counters.open === 0, 'all jobs have ended');
    assert.equal([...this.server.sessions], []);
  }

  /** Asserts that a new client is served, whatever happened to others: its close frame is answered with that code. */
  async serves(code = 1000): Promise<void> {
    const before = this.server.counters.upgraded;
    using client = await RawClient.open(this.port);
    assert.is(this.server.counters.upgraded, before + 1);
    client.send(text('still here?'), close(1000));
    assert.is((await client.untilClose()).code, code);
    await client.finished();
    client.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop({ timeout: 0 });
  }
}

/** Starts a server. By default it echoes. */
export async function startServer(handler: Handler = echo, options: ServeOptions = {}): Promise<TestServer> {
  const sessions: Session[] = [];
  const reported: unknown[] = [];
  const server = await serve(
    {
      ...options,
      userContext: { onError: (error) => void reported.push(error), ...options.userContext },
    },
    (session) => {
      sessions.push(session);
      return handler(session);
    },
  );
  servers.add(server);
  return new TestServer(server, sessions, reported);
}

/** How the session ended, within the bound. */
export function endOf(session: Session): Promise<CloseInfo> {
  return within(session.job.closed, 'the end of a job');
}

/** Asserts some members of a CloseInfo, and the code of its error (undefined: it has none). */
export function assertEnd(
  info: CloseInfo,
  expected: Partial<Omit<CloseInfo, 'error'>> & { readonly error?: string | undefined },
): void {
  for (const [name, value] of Object.entries(expected)) {
    if (name === 'error') continue;
    assert.equal(info[name as keyof CloseInfo], value, `${name} is ${JSON.stringify(info[name as keyof CloseInfo])}`);
  }
  if (!('error' in expected)) return;
  const { error } = info;
  assert.is((error as { code?: string } | undefined)?.code ?? error?.message, expected.error, String(error));
}

const servers = new Set<WebSocketServer>();

const escaped: string[] = [];

function note(kind: string): (error: unknown) => void {
  return (error) => void escaped.push(`${kind}: ${error instanceof Error ? (error.stack ?? error.message) : error}`);
}

// The watch begins when a spec imports this file.
process.on('unhandledRejection', note('unhandled rejection'));
process.on('uncaughtException', note('uncaught exception'));
process.on('warning', note('warning'));

/**
 * Asserts that nothing has escaped in this process: no exception, no rejection, no warning. The last test of a file: what tests that
 * failed have left open is closed, so that the process ends.
 */
export async function assertNothingEscaped(): Promise<void> {
  RawClient.destroyAll();
  for (const server of servers) await server.stop({ timeout: 0 });
  await turns(5);
  assert.equal(escaped, []);
}
