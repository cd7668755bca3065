// What a run of the model does, as data: drawn from a seed, printed when it fails, and made smaller without drawing anew.

import type { SlowConsumerPolicy } from '../../lib/connection/slow-consumer.ts';
import type { TestClock } from '../../lib/testing/test-clock.ts';
import { type CommandName, commands } from './model-commands.ts';
import { Random } from './random.ts';

export type Who = 'server' | 'client';

export const sides: readonly Who[] = ['server', 'client'];

export function peerOf(who: Who): Who {
  return who === 'server' ? 'client' : 'server';
}

/** What a side needs of the run. */
export interface SideOwner {
  readonly clock: TestClock;
  /** Notes that something is wrong. */
  fault(text: string): void;
}

/** How a side reads: none at all, one message after the other, or through its stream. */
export type ReaderKind = 'none' | 'receive' | 'iterator' | 'readable' | 'pipe';

/**
 * How a side sends. `rude`: without waiting for room. `send`: waiting. `writer` and `pipe`: through its stream, waiting.
 */
export type WriterKind = 'rude' | 'send' | 'writer' | 'pipe';

/**
 * - `none`: the test uses the session.
 * - `waiting`: returns or throws by command, or when the session has ended.
 * - `reading`: reads to the end, then returns.
 * - `stuck`: never ends.
 */
export type HandlerKind = 'none' | 'waiting' | 'reading' | 'stuck';

export interface SidePlan {
  readonly reader: ReaderKind;
  readonly writer: WriterKind;
  readonly handler: HandlerKind;
  readonly messages: 'whole' | 'streamed';
  readonly slowConsumer: SlowConsumerPolicy;
  readonly fragmentSize: number | undefined;
  readonly queueSize: number;
  readonly lookAhead: number;
  readonly closeTimeout: number;
  readonly handlerTimeout: number;
  readonly pingInterval: number;
  readonly stallTimeout: number;
  readonly idleTimeout: number;
  readonly maxMessageRate: number;
  readonly maxByteRate: number;
  readonly maxControlFrameRate: number;
  /** How the side ends the run, unless something else has. `leave`: it leaves that to the other side, or to its own keepalive. */
  readonly finish: 'close' | 'cancel' | 'writer' | 'leave';
}

export interface LinkPlan {
  readonly bufferSize: number;
  /** Chunks of at most this size, or with a minus sign of random ones up to it. */
  readonly chunkSize: number;
  readonly latency: number;
  readonly bytesPerSecond: number;
}

export interface Step {
  readonly name: CommandName;
  readonly who: Who;
  readonly value: number;
}

export interface Plan {
  /** Seeds what is random while the plan is carried out. */
  readonly seed: number;
  readonly over: 'transport' | 'streams';
  readonly server: SidePlan;
  readonly client: SidePlan;
  readonly toServer: LinkPlan;
  readonly toClient: LinkPlan;
  readonly steps: readonly Step[];
}

/** How large the messages of a run are, with chunks and queues that let it be over soon. */
export interface Scale {
  readonly largest: number;
  readonly chunks: readonly number[];
  readonly buffers: readonly number[];
  readonly rates: readonly number[];
}

const scales: readonly Scale[] = [
  { largest: 300, chunks: [1, -5, -100, 65_536], buffers: [16, 300, 65_536], rates: [500] },
  { largest: 300, chunks: [1, -5, -100, 65_536], buffers: [16, 300, 65_536], rates: [500] },
  { largest: 5_000, chunks: [50, -1_000, 65_536], buffers: [1_000, 65_536], rates: [20_000] },
  { largest: 102_400, chunks: [-9_000, 65_536], buffers: [5_000, 65_536], rates: [500_000] },
];

const policies: readonly SlowConsumerPolicy[] = ['fail', 'drop-newest', 'drop-oldest', 'latest', 'close'];

/** One in so many. */
function isOne(random: Random, of: number): boolean {
  return random.below(of) === 0;
}

function drawSide(random: Random): SidePlan {
  return {
    reader: random.pick(['none', 'receive', 'receive', 'iterator', 'iterator', 'readable', 'readable', 'pipe']),
    writer: random.pick(['rude', 'send', 'send', 'writer', 'pipe']),
    handler: random.pick(['none', 'none', 'none', 'waiting', 'reading', 'reading', 'stuck']),
    messages: random.pick(['whole', 'whole', 'streamed']),
    slowConsumer: random.pick(['wait', 'wait', 'wait', 'wait', 'wait', ...policies]),
    fragmentSize: isOne(random, 3) ? 1 + random.below(2_000) : undefined,
    queueSize: random.pick([100, 1_000, 20_000, 65_536]),
    lookAhead: random.pick([0, 100, 5_000, 65_536]),
    closeTimeout: random.pick([0, 100, 2_000, 5_000, 5_000]),
    handlerTimeout: random.pick([0, 100, 5_000]),
    pingInterval: random.pick([Number.POSITIVE_INFINITY, 500, 20_000]),
    stallTimeout: random.pick([Number.POSITIVE_INFINITY, 1_000, 60_000, 60_000]),
    idleTimeout: isOne(random, 8) ? 3_000 : Number.POSITIVE_INFINITY,
    maxMessageRate: isOne(random, 12) ? 50 : Number.POSITIVE_INFINITY,
    maxByteRate: isOne(random, 12) ? 20_000 : Number.POSITIVE_INFINITY,
    maxControlFrameRate: isOne(random, 12) ? 10 : Number.POSITIVE_INFINITY,
    finish: random.pick(['close', 'close', 'close', 'cancel', 'writer', 'leave']),
  };
}

function drawLink(random: Random, scale: Scale): LinkPlan {
  return {
    bufferSize: random.pick(scale.buffers),
    chunkSize: random.pick(scale.chunks),
    latency: random.pick([0, 0, 0, 5, 300]),
    bytesPerSecond: isOne(random, 10) ? random.pick(scale.rates) : Number.POSITIVE_INFINITY,
  };
}

const names = (Object.keys(commands) as CommandName[]).flatMap((name) =>
  Array.from({ length: commands[name].weight }, () => name),
);

function drawStep(random: Random, scale: Scale): Step {
  const name = random.pick(names);
  return { name, who: random.pick(sides), value: commands[name].draw(random, scale) };
}

export function drawPlan(seed: number): Plan {
  const random = new Random(seed);
  const scale = random.pick(scales);
  return {
    seed,
    over: random.pick(['transport', 'streams']),
    server: drawSide(random),
    client: drawSide(random),
    toServer: drawLink(random, scale),
    toClient: drawLink(random, scale),
    steps: Array.from({ length: 3 + random.below(30) }, () => drawStep(random, scale)),
  };
}

/** Plans that do a little less: first without large parts of the steps, then without single ones. */
export function* smaller(plan: Plan): Generator<Plan, void, undefined> {
  const { steps } = plan;
  for (let size = Math.ceil(steps.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < steps.length; from += size) {
      yield { ...plan, steps: [...steps.slice(0, from), ...steps.slice(from + size)] };
    }
  }
  const plain: LinkPlan = {
    bufferSize: 65_536,
    chunkSize: 65_536,
    latency: 0,
    bytesPerSecond: Number.POSITIVE_INFINITY,
  };
  for (const link of ['toServer', 'toClient'] as const) {
    for (const name of Object.keys(plain) as (keyof LinkPlan)[]) {
      if (plan[link][name] !== plain[name]) yield { ...plan, [link]: { ...plan[link], [name]: plain[name] } };
    }
  }
  for (const who of sides) {
    if (plan[who].fragmentSize !== undefined) yield { ...plan, [who]: { ...plan[who], fragmentSize: undefined } };
  }
}
