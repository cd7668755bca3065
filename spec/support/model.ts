// The model: two endpoints joined by a line that fails, random commands and faults, and what must hold whatever happens. A run is drawn from its seed alone.

import type { CloseInfo } from '../../lib/connection/close-info.ts';
import { randomChunkSizes } from '../../lib/testing/chunk-sizes.ts';
import type { Link, LinkOptions } from '../../lib/testing/link.ts';
import { createPair, type Pair, type PairSide } from '../../lib/testing/pair.ts';
import { turns } from '../../lib/testing/turns.ts';
import { commands, type World } from './model-commands.ts';
import { judgeDirection, judgeMemory, judgeSide, judgeState } from './model-judge.ts';
import { areMessagesChanged } from './model-messages.ts';
import { drawPlan, type LinkPlan, type Plan, sides, smaller, type Who } from './model-plan.ts';
import { Side } from './model-side.ts';
import { watchHeaders } from './model-spoiler.ts';
import { Random } from './random.ts';

/** What came of a run. */
export interface Outcome {
  /** What did not hold; empty when all did. */
  readonly faults: readonly string[];
  /** How both sides ended, as a word each: what runs come to is worth knowing. */
  readonly ends: readonly string[];
}

/** Unhandled rejections and the like, noted by whoever runs the model. */
export type Escapes = readonly unknown[];

const PING_TIMEOUT = 1_000;
const WRITE_SIZE = 256 * 1024;

class Run implements World {
  readonly faults: string[] = [];
  readonly #plan: Plan;
  readonly #pair: Pair;
  readonly #sides: Readonly<Record<Who, Side>>;
  readonly #largest: number;

  constructor(plan: Plan) {
    this.#plan = plan;
    const fault = (text: string): void => void this.faults.push(text);
    const { toServer, toClient, over } = plan;
    const owner = { fault, clock: undefined as never };
    const made = { server: new Side('server', plan.server, owner), client: new Side('client', plan.client, owner) };
    this.#sides = made;
    this.#pair = createPair({
      over,
      server: this.#options(made.server),
      client: this.#options(made.client),
      toServer: toLink(toServer, plan.seed),
      toClient: toLink(toClient, plan.seed + 1),
    });
    Object.assign(owner, { clock: this.#pair.clock });
    made.server.join(this.#pair.server, made.client);
    made.client.join(this.#pair.client, made.server);
    for (const who of sides) watchHeaders(this.linkOf(made[who]), made[who].peer);
    this.#largest = Math.max(3_000, ...plan.steps.map(({ name, value }) => (name.startsWith('send') ? value : 0)));
  }

  get line(): Pair['line'] {
    return this.#pair.line;
  }

  get clock(): Pair['clock'] {
    return this.#pair.clock;
  }

  linkOf(side: Side): Link {
    return side.who === 'client' ? this.line.toServer : this.line.toClient;
  }

  async play(): Promise<Outcome> {
    for (const who of sides) {
      const side = this.#sides[who];
      side.track('session.closed', side.session.closed);
      side.track('job.closed', side.job.closed);
      side.startReading();
    }
    for (const { name, who, value } of this.#plan.steps) {
      await commands[name].run(this, this.#sides[who], value);
      this.#judgeMemory();
    }
    await this.#finish();
    return { faults: this.faults, ends: await this.#judge() };
  }

  #options(side: Side): PairSide {
    const { reader, writer, handler, fragmentSize, messages, slowConsumer, finish, ...limits } = side.plan;
    const random = new Random(this.#plan.seed + (side.who === 'server' ? 2 : 3));
    return {
      limits: { ...limits, pingTimeout: PING_TIMEOUT },
      slowConsumer,
      // Masking keys are the same whenever the run is repeated.
      engineContext: { random: (bytes) => void bytes.fill(random.below(256)) },
      userContext: { onError: () => {} },
      // A kind of session that the types of this module need not tell apart.
      messages: messages as 'whole',
      ...(side.handler === undefined ? undefined : { handler: side.handler }),
      ...(fragmentSize === undefined ? undefined : { fragmentSize }),
    };
  }

  // Everybody reads on, and the sides end it. Then it must be over in the time that the limits give.
  async #finish(): Promise<void> {
    for (const who of sides) {
      const side = this.#sides[who];
      side.reader.setPace(0);
      if (this.linkOf(side).state === 'stalled') this.linkOf(side).restore();
    }
    for (const who of sides) {
      const side = this.#sides[who];
      const { finish } = side.plan;
      if (finish === 'cancel') side.job.cancel();
      else if (finish === 'writer') side.writer.close();
      await turns(this.#plan.seed % 7);
      if (finish !== 'leave' || !this.#canLeave(side)) side.track('close', side.session.close());
    }
    await this.clock.turn(Math.max(...sides.map((who) => this.#timeToEnd(this.#sides[who]))));
    this.#judgeMemory();
  }

  // A side that waits for the other one needs a keepalive that is not held up, lest that one be gone without a word.
  #canLeave({ plan, peer }: Side): boolean {
    // A ping waits behind a write that is held up: then it is the stall that tells.
    const isFound = plan.pingInterval !== Number.POSITIVE_INFINITY && plan.stallTimeout !== Number.POSITIVE_INFINITY;
    const canTell = isFound && plan.reader !== 'none';
    return canTell && peer.plan.finish !== 'leave' && this.#plan.steps.every(({ name }) => !name.includes('hangs'));
  }

  // Each write has the close time-out, and so has each step of closing; a peer that is gone is found before.
  #timeToEnd({ plan, session }: Side): number {
    const writes = Math.ceil(session.counters.queued / WRITE_SIZE);
    const found = plan.finish === 'leave' ? 2 * plan.pingInterval + 3 * PING_TIMEOUT + plan.stallTimeout : 0;
    const closing = (6 + writes) * Math.max(this.#plan.server.closeTimeout, this.#plan.client.closeTimeout);
    return (Number.isFinite(found) ? found : 0) + closing + plan.handlerTimeout + 1;
  }

  #judgeMemory(): void {
    const fault = (text: string): void => void this.faults.push(text);
    for (const who of sides) judgeMemory(this.#sides[who], this.#largest, fault);
  }

  async #judge(): Promise<string[]> {
    const fault = (text: string): void => void this.faults.push(text);
    const unsettled = sides.filter((who) => this.#sides[who].pending.has('job.closed'));
    if (unsettled.length > 0) {
      for (const who of unsettled)
        fault(`the job of the ${who} has not settled in time: ${this.#sides[who].job.state}`);
      this.line.reset();
      return [];
    }
    const infos = { server: await this.#sides.server.job.closed, client: await this.#sides.client.job.closed };
    for (const who of sides) {
      const side = this.#sides[who];
      judgeSide(side, infos[who], fault);
      judgeState(side, infos[who], fault);
      judgeDirection(side.peer, infos[side.peer.who], side, infos[who], fault);
    }
    if (this.clock.pending !== 0) fault(`${this.clock.pending} timers are left on the clock`);
    if (!this.line.isClosed) fault('the line is not closed');
    if (areMessagesChanged()) fault('the bytes of a message that was sent were changed');
    return sides.map((who) => describe(this.#sides[who], infos[who]));
  }
}

function toLink({ chunkSize, ...rest }: LinkPlan, seed: number): LinkOptions {
  return { ...rest, chunkSize: chunkSize < 0 ? randomChunkSizes(seed, -chunkSize) : chunkSize };
}

function describe(side: Side, { wasClean, closeCode, error }: CloseInfo): string {
  const code = error === undefined ? '' : ` ${(error as { code?: string }).code ?? error.message}`;
  return `${side.job.state}, ${wasClean ? 'clean' : 'unclean'} ${closeCode}${code}`;
}

/** Carries a plan out. What has escaped meanwhile is a fault of the run. */
export async function play(plan: Plan, escapes: Escapes): Promise<Outcome> {
  const before = escapes.length;
  const { faults, ends } = await new Run(plan).play();
  await turns(2);
  const escaped = escapes.slice(before).map((reason) => `has escaped: ${String(reason)}`);
  return { faults: [...faults, ...escaped], ends };
}

/** The run of a seed; when it fails, the smallest plan that was found to fail too, as an Error. */
export async function check(seed: number, escapes: Escapes): Promise<Outcome> {
  const plan = drawPlan(seed);
  const outcome = await play(plan, escapes);
  if (outcome.faults.length === 0) return outcome;
  const small = await shrink(plan, escapes);
  const { faults } = await play(small, escapes);
  throw new Error(`${outcome.faults.join('\n')}\n\nas small as this:\n${faults.join('\n')}\n${print(small)}`);
}

async function shrink(plan: Plan, escapes: Escapes): Promise<Plan> {
  for (const candidate of smaller(plan)) {
    const { faults } = await play(candidate, escapes);
    if (faults.length > 0) return shrink(candidate, escapes);
  }
  return plan;
}

function print({ steps, ...rest }: Plan): string {
  const lines = Object.entries(rest).map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
  return [...lines, ...steps.map(({ who, name, value }) => `  ${who}: ${name} ${value}`)].join('\n');
}
