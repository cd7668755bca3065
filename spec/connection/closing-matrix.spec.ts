// Every state of the closing handshake, met by everything that can happen in it, in both roles: the whole CloseInfo, the end of both halves, and when it is told.
// RFC 6455 §5.5.1, §7.1.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { CloseInfo } from '../../lib/connection/close-info.ts';
import type { Role } from '../../lib/frame/frame.ts';
import { defaultLimits } from '../../lib/limits.ts';
import { turns } from '../support/clock.ts';
import { join } from '../support/hex.ts';
import { ByHand, closePayload, masked, unmasked, watchEscapes } from '../support/pair.ts';

const { seen } = watchEscapes();
const { closeTimeout } = defaultLimits;
const TEXT = 0x81;
const CLOSE = 0x88;

interface Case {
  readonly peer: ByHand;
  /** The wire bytes of a frame of the peer's. */
  readonly frame: (firstByte: number, payload?: Uint8Array | string) => Uint8Array;
}

/** How a connection comes into a state. */
const states = {
  open: () => {},
  'close sent': async ({ peer }: Case) => {
    void peer.job.session.close(3000, 'bye');
    await turns();
  },
  'close sent, not taken': async ({ peer }: Case) => {
    peer.block();
    void peer.job.session.send('stuck');
    await turns();
    void peer.job.session.close(3000, 'bye');
    await turns();
  },
  // A message waits unread, so the close frame is not answered yet.
  'close received': ({ peer, frame }: Case) =>
    peer.send(join(frame(TEXT, 'unread'), frame(CLOSE, closePayload(4000, 'peer')))),
  closed: async ({ peer, frame }: Case) => {
    void peer.job.session.close(3000, 'bye');
    await turns();
    await peer.send(frame(CLOSE, closePayload(4000, 'peer')));
  },
  'closed, answer not taken': async ({ peer, frame }: Case) => {
    peer.block();
    void peer.job.session.send('stuck');
    await turns();
    await peer.send(frame(CLOSE, closePayload(4000, 'peer')));
  },
  failed: ({ peer }: Case) => peer.send(Uint8Array.of(0x83)),
} satisfies Record<string, (given: Case) => unknown>;

/** What happens in it; nothing behind it but time. */
const events = {
  FIN: ({ peer }: Case) => peer.end(),
  reset: ({ peer }: Case) => peer.fail(new Error('reset')),
  silence: () => {},
  'close frame, FIN': async ({ peer, frame }: Case) => {
    await peer.send(frame(CLOSE, closePayload(4001, 'again')));
    await peer.end();
  },
  'message, FIN': async ({ peer, frame }: Case) => {
    await peer.send(frame(TEXT, 'late'));
    await peer.end();
  },
  nonsense: ({ peer }: Case) => peer.send(Uint8Array.of(0x83)),
  cancel: ({ peer }: Case) => peer.job.cancel(),
  'close()': ({ peer }: Case) => void peer.job.session.close(3001, 'second'),
} satisfies Record<string, (given: Case) => unknown>;

type State = keyof typeof states;
type Event = keyof typeof events;

/**
 * What is told, in words: the time-outs it takes, the peer's close code (the code told is 1006 without one), our own, who began, clean or not, the error's code
 * without ERR_WS_, the job's state.
 */
type Row = readonly [number, number | undefined, number | undefined, 'local' | 'remote', boolean, string, string];

const LOST = 'CONNECTION_LOST';
const LATE = 'CLOSE_TIMEOUT';
const NONE = undefined;

const open: Partial<Record<Event, Row>> = {
  FIN: [0, NONE, NONE, 'remote', false, LOST, 'failed'],
  reset: [0, NONE, NONE, 'remote', false, LOST, 'failed'],
  'close frame, FIN': [0, 4001, 4001, 'remote', true, '', 'completed'],
  'message, FIN': [0, NONE, NONE, 'remote', false, LOST, 'failed'],
  nonsense: [1, NONE, 1002, 'local', false, 'UNKNOWN_OPCODE', 'failed'],
  cancel: [1, NONE, 1001, 'local', false, 'CANCELLED', 'cancelled'],
  'close()': [1, NONE, 3001, 'local', false, LATE, 'failed'],
};

const closeSent: Record<Event, Row> = {
  FIN: [0, NONE, 3000, 'local', false, LOST, 'failed'],
  reset: [0, NONE, 3000, 'local', false, LOST, 'failed'],
  silence: [1, NONE, 3000, 'local', false, LATE, 'failed'],
  'close frame, FIN': [0, 4001, 3000, 'local', true, '', 'completed'],
  'message, FIN': [0, NONE, 3000, 'local', false, LOST, 'failed'],
  nonsense: [1, NONE, 3000, 'local', false, 'UNKNOWN_OPCODE', 'failed'],
  cancel: [1, NONE, 3000, 'local', false, 'CANCELLED', 'cancelled'],
  'close()': [1, NONE, 3000, 'local', false, LATE, 'failed'],
};

const closeSentNotTaken: Record<Event, Row> = {
  FIN: [1, NONE, NONE, 'local', false, LOST, 'failed'],
  reset: [0, NONE, NONE, 'local', false, LOST, 'failed'],
  silence: [1, NONE, NONE, 'local', false, LATE, 'failed'],
  'close frame, FIN': [1, 4001, NONE, 'local', false, LOST, 'failed'],
  'message, FIN': [1, NONE, NONE, 'local', false, LOST, 'failed'],
  nonsense: [1, NONE, NONE, 'local', false, 'UNKNOWN_OPCODE', 'failed'],
  cancel: [1, NONE, NONE, 'local', false, 'CANCELLED', 'cancelled'],
  'close()': [1, NONE, NONE, 'local', false, LATE, 'failed'],
};

// What comes behind the peer's close frame is thrown away, whatever it is (RFC 6455 §1.4).
const closeReceived: Record<Event, Row> = {
  FIN: [1, 4000, 4000, 'remote', true, '', 'completed'],
  reset: [0, 4000, NONE, 'remote', false, LOST, 'failed'],
  silence: [2, 4000, 4000, 'remote', true, '', 'completed'],
  'close frame, FIN': [1, 4000, 4000, 'remote', true, '', 'completed'],
  'message, FIN': [1, 4000, 4000, 'remote', true, '', 'completed'],
  nonsense: [2, 4000, 4000, 'remote', true, '', 'completed'],
  cancel: [1, 4000, 1001, 'remote', true, 'CANCELLED', 'cancelled'],
  'close()': [1, 4000, 3001, 'remote', true, '', 'completed'],
};

const closed: Record<Event, Row> = {
  FIN: [0, 4000, 3000, 'local', true, '', 'completed'],
  reset: [0, 4000, 3000, 'local', true, '', 'completed'],
  silence: [1, 4000, 3000, 'local', true, '', 'completed'],
  'close frame, FIN': [0, 4000, 3000, 'local', true, '', 'completed'],
  'message, FIN': [0, 4000, 3000, 'local', true, '', 'completed'],
  nonsense: [1, 4000, 3000, 'local', true, '', 'completed'],
  cancel: [1, 4000, 3000, 'local', true, 'CANCELLED', 'cancelled'],
  'close()': [1, 4000, 3000, 'local', true, '', 'completed'],
};

const lostAnswer: Row = [1, 4000, NONE, 'remote', false, LOST, 'failed'];

const closedNotTaken: Record<Event, Row> = {
  FIN: lostAnswer,
  reset: [0, 4000, NONE, 'remote', false, LOST, 'failed'],
  silence: lostAnswer,
  'close frame, FIN': lostAnswer,
  'message, FIN': lostAnswer,
  nonsense: lostAnswer,
  cancel: [1, 4000, NONE, 'remote', false, 'CANCELLED', 'cancelled'],
  'close()': lostAnswer,
};

const fault: Row = [1, NONE, 1002, 'local', false, 'UNKNOWN_OPCODE', 'failed'];
const faultAtOnce: Row = [0, NONE, 1002, 'local', false, 'UNKNOWN_OPCODE', 'failed'];

const failed: Record<Event, Row> = {
  FIN: faultAtOnce,
  reset: faultAtOnce,
  silence: fault,
  'close frame, FIN': faultAtOnce,
  'message, FIN': faultAtOnce,
  nonsense: fault,
  cancel: [1, NONE, 1002, 'local', false, 'UNKNOWN_OPCODE', 'cancelled'],
  'close()': fault,
};

const matrix: Record<State, Partial<Record<Event, Row>>> = {
  open,
  'close sent': closeSent,
  'close sent, not taken': closeSentNotTaken,
  'close received': closeReceived,
  closed,
  'closed, answer not taken': closedNotTaken,
  failed,
};

const reasons: Record<number, string> = { 1002: 'Opcode 3 is reserved', 3000: 'bye', 3001: 'second' };
const peersReasons: Record<number, string> = { 4000: 'peer', 4001: 'again' };

/** The whole CloseInfo that a row tells, but for its error. */
function toInfo(state: State, event: Event, role: Role, row: Row): Omit<CloseInfo, 'error'> {
  const [, received, sent, initiator, wasClean] = row;
  const header = role === 'client' ? 6 : 2;
  // What the transport has not taken: "stuck", and our close frame behind it.
  const isEcho = state === 'closed, answer not taken';
  const stuck = 64 + header + 5 + 64 + header + 2 + (isEcho ? 0 : 3);
  const isDiscarded = state === 'close received' && event === 'cancel';
  return {
    closeCode: received ?? 1006,
    reason: received === undefined ? '' : (peersReasons[received] as string),
    wasClean,
    initiator,
    received: received === undefined ? undefined : { closeCode: received, reason: peersReasons[received] as string },
    sent: sent === undefined ? undefined : { closeCode: sent, reason: reasons[sent] ?? '' },
    abandoned: { messages: isDiscarded ? 1 : 0, bytes: state.endsWith('not taken') ? stuck : 0, handler: false },
  };
}

for (const role of ['server', 'client'] as const) {
  for (const state of Object.keys(matrix) as State[]) {
    const test = suite(`closing matrix · ${role} · ${state}`);
    for (const [event, row] of Object.entries(matrix[state]) as [Event, Row][]) {
      test(event, async () => {
        const limits = { pingInterval: Number.POSITIVE_INFINITY, stallTimeout: Number.POSITIVE_INFINITY };
        const given: Case = { peer: new ByHand({ role, limits }), frame: role === 'server' ? masked : unmasked };
        const { job, clock } = given.peer;
        await states[state](given);
        await events[event](given);
        const [timeouts, , , , , error, jobState] = row;
        if (timeouts > 0) {
          await clock.turn(timeouts * closeTimeout - 1);
          assert.is(job.state, 'closing', 'it has not ended before');
          await clock.turn(1);
        }
        assert.is(job.state, jobState);
        const { error: actual, ...info } = await job.closed;
        assert.equal(info, toInfo(state, event, role, row));
        assert.is((actual as { code?: string } | undefined)?.code ?? '', error && `ERR_WS_${error}`);
        assert.is(await job.session.closed, await job.closed);
        assert.is(clock.pending, 0, 'no timer is left');
        assert.ok(job.signal.aborted);
      });
    }
    test.run();
  }
}

const rest = suite('closing matrix · nothing left');
rest('nothing has escaped', async () => {
  await turns();
  assert.equal(seen, []);
});
rest.run();
