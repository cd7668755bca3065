// Chunks that a transport lends, and uses again as soon as it has told them: whatever holds the connection up, it decodes what it was given and nothing else.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type UpgradeOptions, upgradeTransport } from '../../lib/job/upgrade.ts';
import type { TransportReceiver } from '../../lib/stream/transport.ts';
import { TestClock, turns } from '../support/clock.ts';
import { affine, agreedOn } from '../support/extensions.ts';
import { join } from '../support/hex.ts';
import { masked, watchEscapes } from '../support/pair.ts';
import { Random, runs } from '../support/random.ts';
import { TransportByHand } from '../support/transport-by-hand.ts';

const { seen } = watchEscapes();
const random = new Random();

/** Reads into one buffer, as the adapters do for all connections. */
class Lender extends TransportByHand {
  readonly #buffer = new Uint8Array(65_536);
  #lend: ((chunk: Uint8Array) => void) | undefined;

  override start(receiver: TransportReceiver): void {
    super.start(receiver);
    this.#lend = receiver.chunkLent?.bind(receiver);
  }

  get isPaused(): boolean {
    return this.asked.findLast((call) => call === 'pause' || call === 'resume') === 'pause';
  }

  lend(bytes: Uint8Array): void {
    const chunk = this.#buffer.subarray(0, bytes.byteLength);
    chunk.set(bytes);
    this.#lend?.(chunk);
    // Another connection reads: a frame of its own, which would be one here too.
    this.#buffer.set(masked(0x82, new Uint8Array(1000).fill(0xee)));
    this.#buffer.fill(0xee, 1008);
  }
}

const test = suite('intake · lent chunks');

const heldUp: Readonly<Record<string, UpgradeOptions['limits'] & object>> = {
  nothing: {},
  'a rate of bytes': { maxByteRate: 20_000 },
  'a rate of messages': { maxMessageRate: 50 },
  'both rates': { maxByteRate: 50_000, maxMessageRate: 100 },
  'a short queue': { queueSize: 1000, lookAhead: 500 },
  'all of it': { queueSize: 4000, lookAhead: 4000, maxByteRate: 30_000, maxMessageRate: 70 },
};

/** Whole messages of a session of any kind. */
async function collect(session: unknown, kind: string, got: Uint8Array[]): Promise<void> {
  for await (const item of session as AsyncIterable<unknown>) {
    if (kind === 'streamed') got.push(await (item as { bytes(): Promise<Uint8Array> }).bytes());
    else if (kind === 'raw') got.push((item as { payload: Uint8Array }).payload);
    else got.push(item as Uint8Array);
  }
}

const kinds: Readonly<Record<string, object>> = {
  whole: {},
  streamed: { messages: 'streamed' },
  raw: { raw: true },
  'behind an extension': { extensions: [agreedOn('x-same', affine(0, 1))] },
};

for (const [what, limits] of Object.entries(heldUp)) {
  for (const [kind, options] of Object.entries(kinds)) {
    test(`${kind}, held up by ${what}: each message is its own`, async () => {
      for (let run = 0; run < runs(4); run++) {
        const clock = new TestClock();
        const transport = new Lender();
        const settings = {
          ...options,
          limits: { pingInterval: Number.POSITIVE_INFINITY, ...limits },
        } as UpgradeOptions;
        const job = upgradeTransport(transport, { clock }, {}, settings);
        const sent = Array.from({ length: 40 }, (_, index) => new Uint8Array(random.below(3000)).fill(1 + index));
        const got: Uint8Array[] = [];
        const reading = collect(job.session, kind, got);
        for (const chunk of random.split(join(...sent.map((each) => masked(0x82, each))), 9000)) {
          while (transport.isPaused) await clock.turn(500);
          transport.lend(chunk);
          if (random.below(2) === 0) await turns();
        }
        for (let second = 0; second < 60 && got.length < sent.length; second++) await clock.turn(1000);
        assert.is(got.length, sent.length);
        for (const [index, bytes] of got.entries())
          assert.is(Buffer.compare(bytes, sent[index] as Uint8Array), 0, `${index}`);
        transport.close();
        await job.closed;
        await reading.catch(() => {});
      }
    });
  }
}

test('nothing has escaped', () => assert.equal(seen, []));

test.run();
