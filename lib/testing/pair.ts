// Two jobs that talk to each other in memory through the real codec, on a clock that the test turns.

import type { Frame } from '../frame/frame.ts';
import type { CloseInfo } from '../job/close-info.ts';
import type { Counters } from '../job/connection.ts';
import type { EngineContext, UserContext } from '../job/context.ts';
import type { Job } from '../job/job.ts';
import { type UpgradeOptions, upgrade } from '../job/upgrade.ts';
import type { Message, MessageSource } from '../message/message.ts';
import { Line, type LineOptions } from './line.ts';
import type { TestClock } from './test-clock.ts';

/** What a session gives and takes: frames when it is raw, messages otherwise. */
type Item<R extends boolean, M> = R extends true ? Frame : M;

/** The job of one side of a pair. */
export type PairJob<C, R extends boolean> = Job<C, Item<R, Message>, Item<R, MessageSource>>;

/** One side of a pair: the options of `upgrade`, and its contexts. */
export interface PairSide<C = undefined, R extends boolean = false>
  extends Omit<UpgradeOptions<C, Item<R, Message>, Item<R, MessageSource>>, 'role' | 'raw'> {
  /** Makes a session of frames instead of messages. Default: false. */
  readonly raw?: R;
  /** Its clock is that of the pair, unless it has one. */
  readonly engineContext?: EngineContext;
  readonly userContext?: UserContext;
}

export interface PairOptions<SC = undefined, SR extends boolean = false, CC = undefined, CR extends boolean = false>
  extends LineOptions {
  readonly server?: PairSide<SC, SR>;
  readonly client?: PairSide<CC, CR>;
}

/** Two jobs and what is between them. */
export interface Pair<SC = undefined, SR extends boolean = false, CC = undefined, CR extends boolean = false>
  extends AsyncDisposable {
  readonly server: PairJob<SC, SR>;
  readonly client: PairJob<CC, CR>;
  /** The clock of both engines and of the line. */
  readonly clock: TestClock;
  /** The connection: faults are its. */
  readonly line: Line;
  /** Lets all that is ready happen, without letting time pass. */
  settled(): Promise<void>;
  /** Turns the clock until both jobs have settled, and tells how. Closes nothing itself: it rejects when they do not come to an end within an hour. */
  ended(): Promise<{ readonly server: CloseInfo; readonly client: CloseInfo }>;
}

// Runtimes without explicit resource management still find the method under the name that compilers use there.
const asyncDispose: typeof Symbol.asyncDispose =
  Symbol.asyncDispose ?? (Symbol.for('Symbol.asyncDispose') as typeof Symbol.asyncDispose);

/**
 * Makes a server's job and a client's, joined in memory. Both run the real engine: frames are encoded and decoded, limits and time-outs hold, and
 * backpressure is that of a socket. No opening handshake takes place; what it would have found out (`request`, `subprotocol`, `context`) can be given.
 *
 * @throws RangeError, TypeError when an option is wrong.
 *
 * @example
 * await using pair = createPair({ server: { handler: echo } });
 * await pair.client.session.send('hello');
 * assert.equal(await pair.client.session.receive(), 'hello');
 *
 * @example
 * // The line goes dead: keepalive finds out.
 * pair.line.silence();
 * await pair.clock.turn(40_000);
 * (await pair.server.closed).closeCode; // 1006
 */
export function createPair<SC = undefined, SR extends boolean = false, CC = undefined, CR extends boolean = false>(
  options: PairOptions<SC, SR, CC, CR> = {},
): Pair<SC, SR, CC, CR> {
  const { server: serverSide = {}, client: clientSide = {}, ...lineOptions } = options;
  const line = new Line(lineOptions);
  const { clock } = line;
  const server = createJob(line, 'server', serverSide);
  const client = createJob(line, 'client', clientSide);
  const unwatch = clock.watch(() => countMoves(server.session.counters) + countMoves(client.session.counters));
  const closed = Promise.all([server.closed, client.closed]);
  void closed.then(unwatch);
  return {
    server,
    client,
    clock,
    line,
    settled: () => clock.settled(),
    ended: async () => {
      const [serverInfo, clientInfo] = await clock.turnUntil(closed);
      return { server: serverInfo, client: clientInfo };
    },
    [asyncDispose]: async () => {
      for (const job of [server, client]) job.cancel();
      line.restore();
      await clock.settled();
      // What has not come to its end by now has nothing more to say.
      line.reset();
      await clock.turnUntil(closed);
    },
  };
}

function createJob<C, R extends boolean>(line: Line, role: 'server' | 'client', side: PairSide<C, R>): PairJob<C, R> {
  const { engineContext, userContext, ...options } = side;
  const { readable, writable } = line[role];
  const engine = { clock: line.clock, ...engineContext };
  // The overloads of `upgrade` know one kind of session each.
  const given: unknown = { ...options, role };
  const job: unknown = upgrade(readable, writable, engine, userContext, given as UpgradeOptions);
  return job as PairJob<C, R>;
}

function countMoves({ messagesReceived, messagesSent, unread, queued }: Counters): number {
  return messagesReceived + messagesSent + unread + queued;
}
