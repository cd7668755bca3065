// Connections of Deno's as transports, whatever is called and whatever happens in whatever order: what is promised holds.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DenoTransport } from '../../lib/adapter/deno-transport.ts';
import { CallRecorder } from '../support/call-recorder.ts';
import { denoError, FakeConn } from '../support/fake-conn.ts';
import { Random, runs } from '../support/random.ts';
import { assertNothingEscaped } from '../support/server.ts';
import { sized } from '../support/sized.ts';
import { turns } from '../support/until.ts';

const test = suite('deno-transport · any order');

const encoder = new TextEncoder();

/** One connection, and what both sides have sent on it. */
class Story {
  readonly conn = new FakeConn();
  readonly recorder: CallRecorder;
  readonly random: Random;
  readonly log: string[] = [];
  given = '';
  sent = '';
  #isEnded = false;
  #hasEnded = false;
  #isPaused = false;
  #isDestroyed = false;

  constructor(random: Random) {
    this.random = random;
    this.recorder = new CallRecorder(new DenoTransport(this.conn)).start();
    this.conn.appetite = random.pick([0, 1, 7, Number.POSITIVE_INFINITY]);
    this.conn.holdsEnd = random.below(2) === 0;
    this.recorder.onChunk = () => {
      if (random.below(4) === 0) this.#pause();
      if (random.below(60) === 0) this.#destroy();
    };
  }

  get isOver(): boolean {
    return this.recorder.calls.includes('transportClosed');
  }

  get #canWrite(): boolean {
    const { asked } = this;
    return !this.#isEnded && !this.#isDestroyed && asked === this.recorder.count('writeTaken');
  }

  asked = 0;

  step(): void {
    const { random, conn, recorder } = this;
    const act = random.below(24);
    this.log.push(String(act));
    if (act < 6 && !this.#hasEnded) this.#give();
    else if (act === 6 && random.below(4) === 0) this.#end(() => conn.giveEnd());
    else if (act === 7 && random.below(20) === 0) this.#end(() => conn.failReading(denoError('ConnectionReset')));
    else if (act === 8 && conn.isReading) conn.giveNothing();
    else if (act === 9) this.#pause();
    else if (act < 14) this.#resume();
    else if (act < 18 && this.#canWrite) this.#write();
    else if (act < 21 && conn.isWriting) conn.take(1 + random.below(40));
    else if (act === 21 && random.below(6) === 0 && !this.#isEnded && !this.#isDestroyed) {
      this.#isEnded = true;
      recorder.call((transport) => transport.end());
    } else if (act === 22) conn.endTaken();
    else if (act === 23 && random.below(20) === 0) this.#destroy();
  }

  /** Lets all that is left happen. */
  async finish(): Promise<void> {
    this.recorder.onChunk = () => {};
    this.conn.appetite = Number.POSITIVE_INFINITY;
    this.conn.holdsEnd = false;
    this.#end(() => this.conn.giveEnd());
    for (let index = 0; index < 400 && !this.isOver; index++) {
      this.#resume();
      if (this.conn.isWriting) this.conn.take(1000);
      this.conn.endTaken();
      await turns(1);
      if (index === 200 && !this.#isEnded && !this.#isDestroyed) {
        this.#isEnded = true;
        this.recorder.call((transport) => transport.end());
      }
    }
  }

  #give(): void {
    const text = `${this.given.length},`.repeat(1 + this.random.below(this.random.pick([3, 40, 2000])));
    this.given += text;
    this.conn.give(text);
  }

  #end(end: () => void): void {
    if (!this.#hasEnded) end();
    this.#hasEnded = true;
  }

  #pause(): void {
    this.#isPaused = true;
    this.recorder.call((transport) => transport.pause());
  }

  #resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.recorder.call((transport) => transport.resume());
  }

  #write(): void {
    const pieces = Array.from({ length: 1 + this.random.below(4) }, (_, index) => {
      return `<${this.sent.length}.${index}>`.repeat(this.random.below(this.random.pick([3, 30, 5000])));
    });
    this.asked++;
    this.sent += pieces.join('');
    this.recorder.call((transport) => transport.write(pieces.map((piece) => encoder.encode(piece))));
  }

  #destroy(): void {
    this.#isDestroyed = true;
    this.recorder.call((transport) => transport.destroy());
  }
}

test('one close is told, at the end of all; what was told is what was sent; nothing is told while it is paused', async () => {
  const random = new Random();
  let whole = 0;
  const count = runs(sized(30, 400));
  for (let run = 0; run < count; run++) {
    const story = new Story(random);
    for (let index = random.below(120); index > 0 && !story.isOver; index--) {
      story.step();
      if (random.below(3) === 0) await turns(1);
    }
    await story.finish();
    const { recorder, conn, log } = story;
    const what = `run ${run}: ${log.join(' ')} | ${recorder.calls.join(' ')}`;
    assert.is(recorder.count('transportClosed'), 1, what);
    assert.is(recorder.calls.at(-1), 'transportClosed', what);
    assert.ok(!recorder.calls.some((call) => call.includes(' ')), what);
    assert.ok(story.given.startsWith(recorder.text), what);
    assert.ok(story.sent.startsWith(conn.written), what);
    assert.ok(recorder.count('endReceived') <= 1 && recorder.count('endSent') <= 1, what);
    assert.is(conn.asked.filter((each) => each === 'close').length, 1, what);
    if (recorder.count('endReceived') === 1) assert.is(recorder.text, story.given, what);
    if (recorder.count('endSent') === 1) assert.is(conn.written, story.sent, what);
    if (recorder.count('endReceived') + recorder.count('endSent') === 2) whole++;
  }
  assert.ok(whole > count / 20, `only ${whole} of ${count} stories came to their natural end`);
});

test.after(() => assertNothingEscaped());
test.run();
