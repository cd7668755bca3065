// A session that outlives its connections, over lines in memory: the peer of each connection is a session of the test's, and what a try finds is the test's to say.

import { HandshakeError } from '../../lib/error.ts';
import type { Session } from '../../lib/job/session.ts';
import type { Delivery, Received } from '../../lib/job/session-kind.ts';
import { onAbort } from '../../lib/job/signal-registry.ts';
import type { UpgradeOptions } from '../../lib/job/upgrade.ts';
import type { ReconnectOptions, UrlSource } from '../../lib/reconnect/reconnect-options.ts';
import type { ReconnectEnd, ReconnectState } from '../../lib/reconnect/reconnect-state.ts';
import { ReconnectingSession } from '../../lib/reconnect/reconnecting-session.ts';
import type { Open } from '../../lib/reconnect/reconnector.ts';
import type { LineOptions } from '../../lib/testing/line.ts';
import { createPair, type Pair, type PairSide } from '../../lib/testing/pair.ts';
import { TestClock } from './clock.ts';
import type { Random } from './random.ts';

/** What a try finds: a connection, or what it fails with, or nothing until it is given up. */
export type Finding = 'open' | 'hang' | Error;

type Options<M extends Delivery> = ReconnectOptions<Partial<UpgradeOptions>, M, Received<false, M>>;

export interface Rig<M extends Delivery = 'whole'> {
  readonly clock: TestClock;
  readonly session: ReconnectingSession<M, Received<false, M>>;
  /** One for each connection that was opened. */
  readonly pairs: Pair[];
  /** The URL and the options of each try. */
  readonly tries: { readonly url: string; readonly options: Readonly<Record<string, unknown>> }[];
  /** What the tries to come find; then each finds a connection. */
  readonly findings: Finding[];
  readonly states: ReconnectState[];
  readonly reported: unknown[];
  /** The peer of the connection of the moment, as a reader: what it has received so far. */
  received(index?: number): string[];
  /** Lets time pass until there is a connection again. */
  untilOpen(): Promise<void>;
  /** Lets time pass until it has ended. */
  ended(): Promise<ReconnectEnd>;
}

/** By default all delays are at their longest: the random source gives ones. */
export function createRig<M extends Delivery = 'whole'>(
  options: Options<M> & {
    readonly random?: Random;
    readonly url?: UrlSource;
    readonly peer?: PairSide;
    readonly line?: LineOptions;
  } = {},
  findings: Finding[] = [],
): Rig<M> {
  const clock = new TestClock();
  const { random, url = 'ws://example.com/', peer = {}, line = {}, ...rest } = options;
  const pairs: Pair[] = [];
  const tries: Rig['tries'] = [];
  const states: ReconnectState[] = [];
  const reported: unknown[] = [];
  const received: string[][] = [];
  const open: Open<object, unknown> = async (target, { signal, ...given }) => {
    tries.push({ url: String(target), options: given as Record<string, unknown> });
    const finding = findings.shift() ?? 'open';
    if (finding instanceof Error) throw finding;
    if (finding === 'hang') return new Promise<never>((_, reject) => onAbort(signal, reject));
    const { limits, slowConsumer, messages } = given as UpgradeOptions;
    const side = {
      ...(limits && { limits }),
      ...(slowConsumer && { slowConsumer }),
      ...(messages && { messages }),
    } as PairSide;
    const handler = peer.handler ?? reader(received, pairs.length);
    const pair = createPair({ ...line, clock, server: { ...peer, handler }, client: side });
    pairs.push(pair as unknown as Pair);
    const release = onAbort(signal, (reason) => pair.client.cancel(reason));
    void pair.client.closed.then(release);
    return pair.client.session as Session<undefined, unknown>;
  };
  const fill = (bytes: Uint8Array): void => {
    if (random === undefined) bytes.fill(0xff);
    else bytes.set(random.bytes(bytes.byteLength));
  };
  const session = new ReconnectingSession<M, Received<false, M>>(
    url,
    {
      ...(rest as object),
      engineContext: { clock, random: fill, ...rest.engineContext },
      userContext: { onError: (error) => void reported.push(error), ...rest.userContext },
      onState: (state) => {
        states.push(state);
        rest.onState?.(state as never);
      },
    } as ReconnectOptions<object, M, Received<false, M>>,
    open as Open<object, Received<false, M>>,
  );
  return {
    clock,
    session,
    pairs,
    tries,
    findings,
    states,
    reported,
    received: (index = pairs.length - 1) => received[index] ?? [],
    untilOpen: async () => {
      const isOpen = (): boolean => session.session?.job.state === 'running';
      for (let most = 200; !isOpen(); most--) {
        if (most === 0) throw new Error(`There is no connection: ${session.state.name}`);
        await clock.settled();
        if (!isOpen()) await clock.turn(clock.next ?? 0);
      }
    },
    ended: () => clock.turnUntil(session.closed, 1e9),
  };
}

function reader(received: string[][], index: number): (session: Session) => Promise<void> {
  return async (session) => {
    const mine: string[] = [];
    received[index] = mine;
    for await (const message of session) mine.push(String(message));
  };
}

/** A refusal of a server. */
export function refusal(status: number, headers: readonly (readonly [string, string])[] = []): HandshakeError {
  return new HandshakeError('ERR_WS_NOT_UPGRADED', `The server answered with ${status}`, status, { headers });
}

/** Nobody answers. */
export function unreachable(): HandshakeError {
  return new HandshakeError('ERR_WS_UNREACHABLE', 'Cannot connect', 0, { cause: new Error('ECONNREFUSED') });
}
