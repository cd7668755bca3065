// What can happen in a run of the model: each command says how often, what it draws, and what it does. New ones are new entries.

import type { Message } from '../../lib/message/message.ts';
import type { Line } from '../../lib/testing/line.ts';
import type { Link, LinkOptions } from '../../lib/testing/link.ts';
import type { TestClock } from '../../lib/testing/test-clock.ts';
import { turns } from '../../lib/testing/turns.ts';
import { makeBytes, makeText } from './model-messages.ts';
import type { Scale } from './model-plan.ts';
import type { Side } from './model-side.ts';
import { spoilNextHeader } from './model-spoiler.ts';
import type { Random } from './random.ts';

/** The run, as a command sees it. */
export interface World {
  readonly line: Line;
  readonly clock: TestClock;
  /** The link that carries what this side writes. */
  linkOf(side: Side): Link;
}

export interface Command {
  /** How often it comes, beside the others. */
  readonly weight: number;
  draw(random: Random, scale: Scale): number;
  run(world: World, side: Side, value: number): void | Promise<void>;
}

function drawSize(random: Random, { largest }: Scale): number {
  const edges = [0, 1, 125, 126, 127, 65_535, 65_536, largest];
  const size = random.below(3) === 0 ? random.pick(edges) : random.below(random.pick([20, 300, largest]) + 1);
  return Math.min(size, largest);
}

const nothing = (): number => 0;
const closeCodes = [1000, 1001, 1003, 1011, 1014, 3000, 4999];

/** Bytes are changed from here on: what was whole before stays so. */
function makeDirty(side: Side): void {
  const { reader, session, plan } = side.peer;
  // Of a streamed message that has begun to come, the rest is still to come.
  const whole = session.counters.messagesReceived - (plan.messages === 'streamed' ? 1 : 0);
  reader.dirtyFrom = Math.min(reader.dirtyFrom, Math.max(0, whole));
}

function makeContent({ made }: Side, size: number): Message {
  return made % 2 === 0 ? makeText(made, size) : makeBytes(made, size);
}

function setLink(world: World, side: Side, options: LinkOptions): void {
  world.linkOf(side).set(options);
}

const table = {
  // --- Messages ------------------------------------------------------------------------------------------------------
  'send text': {
    weight: 10,
    draw: drawSize,
    run: (_, side, value) => side.send(makeText(side.made, value)),
  },
  'send binary': {
    weight: 10,
    draw: drawSize,
    run: (_, side, value) => side.send(makeBytes(side.made, value)),
  },
  burst: {
    weight: 5,
    draw: (random) => 1 + random.below(60),
    run: (_, side, value) => {
      for (let index = 0; index < value; index++) side.send(makeText(side.made, (index * 7) % 40));
    },
  },
  'send a stream': {
    weight: 6,
    draw: drawSize,
    run: (_, side, value) => side.sendStream(makeContent(side, value), side.made + value, 'ends'),
  },
  'send a stream that fails': {
    weight: 1,
    draw: (random, scale) => (random.below(3) === 0 ? drawSize(random, scale) : -1),
    run: (_, side, value) => {
      if (value >= 0) side.sendStream(makeContent(side, value), side.made + value, 'fails');
    },
  },
  'send a stream that hangs': {
    weight: 1,
    draw: (random, scale) => (random.below(4) === 0 ? drawSize(random, scale) : -1),
    run: (_, side, value) => {
      if (value >= 0) side.sendStream(makeContent(side, value), side.made + value, 'hangs');
    },
  },
  flush: { weight: 2, draw: nothing, run: (_, side) => side.track('flush', side.session.flush()) },
  ping: { weight: 4, draw: nothing, run: (_, side) => side.track('ping', side.session.ping()) },
  pings: {
    weight: 1,
    draw: (random) => random.below(60),
    run: (_, side, value) => {
      for (let index = 0; index < value; index++) side.track('ping', side.session.ping());
    },
  },

  // --- Reading -------------------------------------------------------------------------------------------------------
  'stop reading': { weight: 3, draw: nothing, run: (_, side) => side.reader.setPace(Number.POSITIVE_INFINITY) },
  'read slowly': {
    weight: 2,
    draw: (random) => 1 + random.below(300),
    run: (_, side, value) => side.reader.setPace(value),
  },
  'read on': { weight: 3, draw: nothing, run: (_, side) => side.reader.setPace(0) },
  'cancel the readable': {
    weight: 1,
    draw: (random) => random.below(3),
    run: (_, side, value) => {
      const cancelled = value === 0 ? side.reader.cancel() : undefined;
      if (cancelled !== undefined) side.track('cancel of the readable', cancelled);
    },
  },

  // --- The end -------------------------------------------------------------------------------------------------------
  close: {
    weight: 1,
    draw: (random) => random.pick(closeCodes),
    run: (_, side, value) => side.track('close', side.session.close(value, value < 4000 ? '' : 'enough')),
  },
  'close the writer': { weight: 1, draw: nothing, run: (_, side) => side.writer.close() },
  cancel: {
    weight: 1,
    draw: (random) => random.below(2),
    run: (_, side, value) => (value === 0 ? side.job.cancel() : undefined),
  },
  'end the handler': {
    weight: 1,
    draw: (random) => random.below(2),
    run: (_, side, value) => side.endHandler(value === 0 ? 'return' : 'throw'),
  },

  // --- Time ----------------------------------------------------------------------------------------------------------
  'let turns pass': { weight: 10, draw: (random) => random.below(12), run: (_, __, value) => turns(value) },
  settle: { weight: 4, draw: nothing, run: ({ clock }) => clock.settled() },
  'let time pass': { weight: 6, draw: (random) => random.below(500), run: ({ clock }, _, value) => clock.turn(value) },
  'let much time pass': {
    weight: 1,
    draw: (random) => random.below(30_000),
    run: ({ clock }, _, value) => clock.turn(value),
  },

  // --- The line ------------------------------------------------------------------------------------------------------
  latency: {
    weight: 1,
    draw: (random) => random.below(400),
    run: (world, side, value) => setLink(world, side, { latency: value }),
  },
  'chunk size': {
    weight: 1,
    draw: (random, { chunks }) => Math.abs(random.pick(chunks)),
    run: (world, side, value) => setLink(world, side, { chunkSize: value }),
  },
  stall: { weight: 2, draw: nothing, run: (world, side) => endSilence(world.linkOf(side), 'stall') },
  restore: { weight: 4, draw: nothing, run: (world, side) => endSilence(world.linkOf(side), 'restore') },
  silence: {
    weight: 1,
    draw: (random) => random.below(3),
    run: (world, side, value) => (value === 0 ? world.linkOf(side).silence() : undefined),
  },
  'half-close': {
    weight: 1,
    draw: (random) => random.below(3),
    run: (world, side, value) => (value === 0 ? world.linkOf(side).end() : undefined),
  },
  reset: {
    weight: 1,
    draw: (random) => random.below(4),
    run: ({ line }, _, value) => (value === 0 ? line.reset() : undefined),
  },

  // --- Bytes ---------------------------------------------------------------------------------------------------------
  'spoil a header': {
    weight: 1,
    draw: (random) => random.below(12),
    run: (world, side, value) => (value < 3 ? spoilNextHeader(world.linkOf(side), value) : undefined),
  },
  'flip a bit': {
    weight: 1,
    draw: (random) => random.below(2_000),
    run: (world, side, value) => {
      if (value >= 400) return;
      makeDirty(side);
      world.linkOf(side).flip(world.linkOf(side).written + (value >> 3), 1 << (value & 7));
    },
  },
  'drop bytes': {
    weight: 1,
    draw: (random) => random.below(100),
    run: (world, side, value) => {
      if (value >= 20) return;
      makeDirty(side);
      world.linkOf(side).drop(world.linkOf(side).written + value, 1 + (value % 3));
    },
  },
  'insert bytes': {
    weight: 1,
    draw: (random) => random.below(100),
    run: (world, side, value) => {
      if (value >= 20) return;
      makeDirty(side);
      world.linkOf(side).insert(world.linkOf(side).written + value, makeBytes(value, 1 + value));
    },
  },
} satisfies Record<string, Command>;

export type CommandName = keyof typeof table;

export const commands: Readonly<Record<CommandName, Command>> = table;

// A silence lasts: behind one there would be a hole in the stream.
function endSilence(link: Link, next: 'stall' | 'restore'): void {
  if (link.state !== 'silent') link[next]();
}
