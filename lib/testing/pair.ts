// Two jobs that talk to each other in memory through the real codec, on a clock that the test turns.

import type { CloseInfo } from '../connection/close-info.ts';
import type { EngineContext, UserContext } from '../connection/context.ts';
import type { Counters } from '../connection/counters.ts';
import type { Extension } from '../extension/extension.ts';
import type { AgreedExtension } from '../extension/extension-negotiation.ts';
import type { Job } from '../job/job.ts';
import type { Delivery, KindOptions, Received, Sent } from '../job/session-kind.ts';
import { type UpgradeOptions, upgradeStreams } from '../job/upgrade.ts';
import { agree } from './agree.ts';
import { Line, type LineOptions } from './line.ts';
import type { TestClock } from './test-clock.ts';

/** The job of one side of a pair. */
export type PairJob<C = undefined, R extends boolean = false, M extends Delivery = 'whole'> = Job<
  C,
  Received<R, M>,
  Sent<R>
>;

/** One side of a pair: the options of `upgrade`, and its contexts. */
export interface PairSide<C = undefined, R extends boolean = false, M extends Delivery = 'whole'>
  extends Omit<UpgradeOptions<C, Received<R, M>, Sent<R>>, 'role' | 'raw' | 'messages' | 'extensions'>,
    KindOptions<R, M> {
  /** What is installed on this side; the connection has what both sides agree on. */
  readonly extensions?: readonly Extension[];
  /** Its clock is that of the pair, unless it has one. */
  readonly engineContext?: EngineContext;
  /** Where its handler runs, and where its errors go. */
  readonly userContext?: UserContext;
}

/** The sides of a pair, and what is between them. */
export interface PairOptions<S extends object = PairSide, C extends object = PairSide> extends LineOptions {
  /** The server's side. Default: no handler; use `pair.server.session`. */
  readonly server?: S;
  /** The client's side. Default: no handler; use `pair.client.session`. */
  readonly client?: C;
}

/** Two jobs and what is between them. */
export interface Pair<S = Job, C = Job> extends AsyncDisposable {
  /** The server's job. */
  readonly server: S;
  /** The client's job. */
  readonly client: C;
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
 * backpressure is that of a socket. No opening handshake takes place, but extensions are negotiated; what else it would have found out (`request`, `subprotocol`, `context`)
 * can be given.
 *
 * @throws RangeError, TypeError when an option is wrong.
 *
 * @example
 * await using pair = createPair({ server: { handler: echo } });
 * await pair.client.session.send('hello');
 * assert.equal(await pair.client.session.receive(), 'hello');
 *
 * @example
 * // The line goes dead, and nobody is told: keepalive finds out.
 * pair.line.silence();
 * const { server, client } = await pair.ended(); // turns the clock: both errors are ERR_WS_PING_TIMEOUT
 */
export function createPair<
  SC = undefined,
  SR extends boolean = false,
  SM extends Delivery = 'whole',
  CC = undefined,
  CR extends boolean = false,
  CM extends Delivery = 'whole',
>(
  options: PairOptions<PairSide<SC, SR, SM>, PairSide<CC, CR, CM>> = {},
): Pair<PairJob<SC, SR, SM>, PairJob<CC, CR, CM>> {
  const { server: serverSide = {}, client: clientSide = {}, ...lineOptions } = options;
  const line = new Line(lineOptions);
  const { clock } = line;
  const agreed = agree(serverSide.extensions ?? [], clientSide.extensions ?? []);
  const server = createJob(line, 'server', serverSide, agreed.server);
  const client = createJob(line, 'client', clientSide, agreed.client);
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

function createJob<C, R extends boolean, M extends Delivery>(
  line: Line,
  role: 'server' | 'client',
  side: PairSide<C, R, M>,
  extensions: readonly AgreedExtension[],
): PairJob<C, R, M> {
  const { engineContext, userContext, ...options } = side;
  const { readable, writable } = line[role];
  const engine = { clock: line.clock, ...engineContext };
  const upgradeOptions = { ...options, extensions, role };
  return upgradeStreams<C, Received<R, M>, Sent<R>>(readable, writable, engine, userContext, upgradeOptions);
}

function countMoves({ messagesReceived, messagesSent, unread, queued }: Counters): number {
  return messagesReceived + messagesSent + unread + queued;
}
