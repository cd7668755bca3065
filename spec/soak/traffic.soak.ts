// Random traffic over real sockets, with resets: clients that send messages of all sizes, whole and in fragments, with pings between, read and pause as they like, and
// go away in their own way. What comes back is what was sent, once, in order and intact; all jobs settle; memory is bounded. MINUTES says for how long; SEED and FROM
// repeat what has failed: each client has a source of its own, made of the seed and its number.

import process from 'node:process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { CloseInfo } from '../../lib/connection/close-info.ts';
import type { Session } from '../../lib/job/session.ts';
import { serve } from '../../lib/node.ts';
import { inMiB, MiB, retainedMemory } from '../support/memory.ts';
import { Random, seed } from '../support/random.ts';
import { close, closeStatus, masked, ping, RawClient } from '../support/raw-client.ts';
import { assertNothingEscaped, echo } from '../support/server.ts';
import { turn, turns, until, within } from '../support/until.ts';

const test = suite('soak · traffic');

const MINUTES = Number(process.env['MINUTES'] ?? 2);
const FROM = Number(process.env['FROM'] ?? 0);
const AT_A_TIME = 24;

const handlers: Readonly<Record<string, (session: Session) => Promise<unknown>>> = {
  loop: echo,
  pipe: (session) => session.readable.pipeTo(session.writable),
  transform: (session) => session.readable.pipeThrough(new TransformStream()).pipeTo(session.writable),
  lazy: async (session) => {
    for await (const message of session) {
      if (message.length % 3 === 0) await turns(2);
      await session.send(message);
    }
  },
};

const endings = ['close', 'close', 'close-early', 'end', 'reset', 'reset', 'fault', 'vanish', 'cancelled'] as const;
type Ending = (typeof endings)[number];

interface Sent {
  readonly opcode: 1 | 2;
  readonly payload: Buffer;
}

function payloadOf(random: Random, opcode: number): Buffer {
  const size = random.pick([
    random.below(126),
    random.below(126),
    random.below(2_000),
    random.below(70_000),
    random.below(40) === 0 ? random.below(600_000) : 125 + random.below(4),
  ]);
  const payload = Buffer.alloc(size, random.next() & 0x7f);
  for (let at = 0; at < Math.min(size, 32); at++) payload[at] = random.next() & (opcode === 1 ? 0x7f : 0xff);
  return payload;
}

/** The frames of a message: one, or some with pings between. */
function framesOf(random: Random, { opcode, payload }: Sent): Uint8Array {
  const count = random.below(4) === 0 ? 2 + random.below(4) : 1;
  const parts: Uint8Array[] = [];
  for (let part = 0; part < count; part++) {
    const from = Math.floor((payload.byteLength * part) / count);
    const to = Math.floor((payload.byteLength * (part + 1)) / count);
    const fin = part === count - 1;
    parts.push(masked({ opcode: part === 0 ? opcode : 0, fin, payload: payload.subarray(from, to) }));
    if (random.below(6) === 0) parts.push(ping(String(part)));
  }
  return Buffer.concat(parts);
}

/** One client and its connection. */
class Client {
  readonly ending: Ending;
  readonly sent: Sent[] = [];
  echoed = 0;
  closeCode: number | undefined;
  readonly #random: Random;
  readonly #raw: RawClient;

  constructor(random: Random, raw: RawClient, ending: Ending) {
    this.#random = random;
    this.#raw = raw;
    this.ending = ending;
  }

  async run(): Promise<void> {
    const reading = this.#read();
    await this.#write();
    await reading;
    this.#raw.socket.destroy();
  }

  get #isGone(): boolean {
    return this.#raw.socket.destroyed || this.#raw.wasReset || this.closeCode !== undefined;
  }

  async #write(): Promise<void> {
    const random = this.#random;
    const { socket } = this.#raw;
    const count = 1 + random.below(random.below(8) === 0 ? 200 : 25);
    const last = this.ending === 'close' ? count : random.below(count + 1);
    for (let index = 0; index < last && !this.#isGone; index++) {
      const opcode = random.pick([1, 2] as const);
      const message = { opcode, payload: payloadOf(random, opcode) };
      this.sent.push(message);
      const bytes = framesOf(random, message);
      const cut = random.below(3) === 0 ? random.below(bytes.byteLength) : bytes.byteLength;
      socket.write(bytes.subarray(0, cut));
      // In the middle of a frame, perhaps: the last message has not been sent then.
      if (index === last - 1 && this.ending === 'reset' && cut < bytes.byteLength) break;
      if (random.below(3) === 0) await turn();
      if (!socket.write(bytes.subarray(cut))) await this.#drained();
      if (random.below(20) === 0) this.#pauseForAWhile();
    }
    this.#end();
  }

  async #drained(): Promise<void> {
    const { socket } = this.#raw;
    await until(() => !socket.writableNeedDrain || this.#isGone, 'the server takes more');
  }

  #pauseForAWhile(): void {
    this.#raw.pause();
    setTimeout(() => this.#raw.resume(), this.#random.below(10));
  }

  #end(): void {
    const { socket } = this.#raw;
    if (socket.destroyed) return;
    switch (this.ending) {
      case 'close':
      case 'close-early':
        return this.#raw.send(close(1000, 'bye'));
      case 'end':
        return this.#raw.end();
      case 'reset':
        return this.#raw.reset();
      case 'fault':
        return this.#raw.send(masked({ opcode: 5 }));
      case 'vanish':
        socket.destroy();
        return;
      case 'cancelled':
        // The server ends it, some time.
        return;
      default:
        this.ending satisfies never;
    }
  }

  // Until the connection has ended, in whatever way.
  async #read(): Promise<void> {
    let fragments: Buffer[] = [];
    let opcode = 0;
    for (;;) {
      const frame = await this.#raw.frame().catch((error: Error) => {
        if (!error.message.startsWith('Cannot take')) throw error;
        return undefined;
      });
      if (frame === undefined) return;
      if (frame.opcode === 10) continue;
      if (frame.opcode === 9) {
        this.#raw.send(masked({ opcode: 10, payload: frame.payload }));
        continue;
      }
      if (frame.opcode === 8) {
        this.closeCode = closeStatus(frame).code;
        if (this.ending === 'cancelled') this.#raw.send(close(this.closeCode));
        continue;
      }
      if (frame.opcode !== 0) opcode = frame.opcode;
      fragments.push(frame.payload);
      if (!frame.fin) continue;
      const expected = this.sent[this.echoed++];
      const payload = Buffer.concat(fragments);
      fragments = [];
      assert.ok(expected?.opcode === opcode && payload.equals(expected.payload), `message ${this.echoed} is another`);
    }
  }
}

function assertEnding({ ending, sent, echoed, closeCode }: Client, info: CloseInfo): void {
  if (ending === 'close' || ending === 'close-early') {
    assert.is(echoed, sent.length, 'every message came back');
    assert.is(closeCode, 1000);
    assert.ok(info.wasClean);
    assert.is(info.reason, 'bye');
  } else if (ending === 'fault') {
    assert.is(closeCode, 1002);
    assert.not(info.wasClean);
  } else if (ending === 'cancelled') {
    assert.is((info.error as { code?: string }).code, 'ERR_WS_CANCELLED');
  } else {
    assert.not(info.wasClean);
    assert.ok(info.error !== undefined);
  }
}

test(`clients that come and go at random for ${MINUTES} minutes are served right, and leave nothing behind`, async () => {
  const ends = new Map<string, Promise<CloseInfo>>();
  const reported: unknown[] = [];
  const userContext = { onError: (error: unknown) => void reported.push(error) };
  const server = await serve({ userContext, limits: { closeTimeout: 1_000 } }, (session) => {
    const [, kind = '', id = '', ending = ''] = session.request?.url.split('/') ?? [];
    ends.set(id, session.job.closed);
    if (ending === 'cancelled') setTimeout(() => session.job.cancel('enough'), Number(id) % 20);
    return (handlers[kind] as (session: Session) => Promise<unknown>)(session);
  });
  const counts: Record<string, number> = {};
  const liveOne = async (index: number): Promise<void> => {
    const random = new Random(seed + index);
    const ending = random.pick(endings);
    const target = `/${random.pick(Object.keys(handlers))}/${index}/${ending}`;
    try {
      const client = new Client(random, await RawClient.open(server.port, { target }), ending);
      await within(client.run(), 'the end of a client');
      await until(() => ends.has(String(index)), 'the handler was called');
      assertEnding(client, await within(ends.get(String(index)) as Promise<CloseInfo>, 'the end of its job'));
    } catch (error) {
      throw new Error(`SEED=${seed} FROM=${index} (${target}): ${error}`, { cause: error });
    }
    ends.delete(String(index));
    counts[ending] = (counts[ending] ?? 0) + 1;
  };

  let next = FROM;
  const run = async (minutes: number): Promise<void> => {
    const until = performance.now() + minutes * 60_000;
    const work = async (): Promise<void> => {
      while (performance.now() < until) await liveOne(next++);
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, work));
  };
  await run(MINUTES / 10);
  const before = await retainedMemory();
  const timer = setInterval(() => console.log(`progress: ${next - FROM} clients`, JSON.stringify(counts)), 10_000);
  await run((MINUTES * 9) / 10);
  clearInterval(timer);
  await until(() => server.counters.open + server.counters.connections === 0, 'all are gone');
  const kept = (await retainedMemory()) - before;
  console.log(`${next - FROM} clients, ${JSON.stringify(counts)}, ${inMiB(kept)} more are retained`);
  assert.ok(kept < 2 * MiB, `${inMiB(kept)} more are retained`);
  assert.equal(reported, [], 'no end of a connection is a failure of its handler');
  await server.stop();
});

test('nothing has escaped in all of this', async () => {
  await assertNothingEscaped();
});

test.run();
