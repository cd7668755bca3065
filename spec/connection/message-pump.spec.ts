import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Deferred } from '../../lib/connection/deferred.ts';
import { MessagePump, type PumpOwner } from '../../lib/connection/message-pump.ts';
import type { MessageChunk } from '../../lib/connection/sendable.ts';
import type { MessageType } from '../../lib/message/message.ts';
import { rejects } from '../support/check.ts';
import { watchEscapes } from '../support/pair.ts';
import { Random, runs, seed } from '../support/random.ts';
import { chunksOf, HandSource, HandStream } from '../support/sources.ts';
import { turns } from '../support/until.ts';

const { seen } = watchEscapes();
const KiB = 1024;

/** Plays the sender: takes fragments, and has room as the test says. */
class Owner implements PumpOwner {
  readonly fragments: { type: MessageType; bytes: Uint8Array; isLast: boolean }[] = [];
  readonly ends: unknown[] = [];
  scheduled = 0;
  turns = 0;
  room: Deferred<void> | undefined;

  roomForFragment(): Promise<void> | undefined {
    return this.room?.promise;
  }

  async nextTurn(): Promise<void> {
    this.turns++;
    await turns(1);
  }

  sendFragment(type: MessageType, bytes: Uint8Array, isLast: boolean): void {
    this.fragments.push({ type, bytes, isLast });
  }

  schedule(): void {
    this.scheduled++;
  }

  pumpEnded(_pump: MessagePump, failure?: { readonly error: unknown }): void {
    this.ends.push(failure === undefined ? 'sent' : failure.error);
  }

  get text(): string {
    return Buffer.concat(this.fragments.map(({ bytes }) => bytes)).toString();
  }

  get sizes(): number[] {
    return this.fragments.map(({ bytes }) => bytes.byteLength);
  }
}

type Body = ReadableStream<MessageChunk> | AsyncIterable<MessageChunk>;

function start(body: Body, type?: MessageType): { owner: Owner; pump: MessagePump } {
  const owner = new Owner();
  const pump = new MessagePump(owner, { type, body });
  pump.start();
  return { owner, pump };
}

/** Sends all of a body; gives its owner, with the message in one piece where nothing was flushed. */
async function pumped(chunks: readonly MessageChunk[], type?: MessageType): Promise<Owner> {
  const { owner, pump } = start(chunksOf(chunks), type);
  await pump.done;
  assert.equal(owner.ends, ['sent']);
  assert.equal(
    owner.fragments.map(({ isLast }) => isLast),
    [...Array(owner.fragments.length - 1).fill(false), true],
  );
  return owner;
}

const test = suite('message pump · what is sent');

test('the first chunk tells the type, unless it was said', async () => {
  for (const [chunks, said, type] of [
    [['a'], undefined, 'text'],
    [[new Uint8Array(1)], undefined, 'binary'],
    [[new ArrayBuffer(1)], undefined, 'binary'],
    [['', new Uint8Array(1)], undefined, 'text'],
    [[new Uint8Array(1)], 'text', 'text'],
    [[], undefined, 'binary'],
    [[], 'text', 'text'],
    [[''], undefined, 'text'],
  ] as const) {
    const owner = await pumped(chunks, said);
    assert.equal(
      owner.fragments.map((fragment) => fragment.type),
      [type],
    );
  }
});

test('an empty source is an empty message', async () => {
  const owner = await pumped([]);
  assert.equal([owner.sizes, owner.scheduled], [[0], 0]);
});

test('strings and bytes make one text, in their order', async () => {
  const owner = await pumped(['a', new TextEncoder().encode('é'), 'b', new DataView(Uint8Array.of(99).buffer)]);
  assert.is(owner.text, 'aébc');
});

test('a surrogate pair may be cut between two strings, and empty ones between them', async () => {
  for (const chunks of [
    ['\ud83d', '\ude00'],
    ['x\ud83d', '', '', '\ude00y'],
    ['\ud83d\ude00', '\ud83d', '\ude00'],
  ]) {
    assert.is((await pumped(chunks)).text, chunks.join(''));
  }
});

test('a lone surrogate is U+FFFD, wherever it stands (as USVString has it)', async () => {
  for (const [chunks, text] of [
    [['a\ud83d'], 'a\ufffd'],
    [['\ud83d', 'b'], '\ufffdb'],
    [['\ud83d', '\ud83d', '\ude00'], '\ufffd\u{1f600}'],
    [['\ude00', 'b'], '\ufffdb'],
    [['a\ud83d', Uint8Array.of(98)], 'a\ufffdb'],
  ] as const) {
    assert.is((await pumped(chunks)).text, text);
  }
});

test(`a text cut anywhere is the same text (seed ${seed})`, async () => {
  const random = new Random();
  const alphabet = ['a', 'é', '語', '\u{1f600}', '\ufeff', '\u0000'];
  for (let run = 0; run < runs(100); run++) {
    const text = Array.from({ length: random.below(60) }, () => random.pick(alphabet)).join('');
    const units: MessageChunk[] = [''];
    for (let at = 0; at < text.length; ) {
      const end = at + 1 + random.below(4);
      units.push(text.slice(at, end));
      at = end;
    }
    assert.is((await pumped(units)).text, text);
    const pieces = random.split(new TextEncoder().encode(text), 4);
    assert.is((await pumped(pieces, 'text')).text, text);
  }
});

test('large chunks are cut at 64 KiB, whatever their size', async () => {
  const owner = await pumped([new Uint8Array(200 * KiB), new Uint8Array(10)]);
  assert.equal(owner.sizes, [64 * KiB, 64 * KiB, 64 * KiB, 8 * KiB + 10]);
  assert.equal((await pumped([new Uint8Array(128 * KiB)])).sizes, [64 * KiB, 64 * KiB, 0]);
});

test('tiny chunks are gathered until somebody flushes', async () => {
  const source = new HandSource();
  const { owner, pump } = start(source);
  await source.give('a', 'b', 'c');
  assert.equal([owner.sizes, pump.gathered, pump.hasBegun, owner.scheduled], [[], 3, false, 3]);
  pump.flush();
  pump.flush();
  assert.equal([owner.text, pump.gathered, pump.hasBegun], ['abc', 0, true]);
  await source.give('d');
  await source.end();
  assert.equal([owner.sizes, owner.text], [[3, 1], 'abcd']);
});

test('a chunk’s buffer may be used again by its maker as soon as the next one is asked for', async () => {
  const buffer = new Uint8Array(100 * KiB);
  async function* reused(): AsyncGenerator<Uint8Array> {
    for (let value = 1; value <= 3; value++) {
      buffer.fill(value);
      yield buffer;
    }
  }
  const { owner, pump } = start(reused());
  await pump.done;
  const whole = Buffer.concat(owner.fragments.map(({ bytes }) => bytes));
  for (let index = 0; index < 3; index++) {
    const part = whole.subarray(index * buffer.byteLength, (index + 1) * buffer.byteLength);
    assert.ok(part.every((byte) => byte === index + 1));
  }
});

test('while there is no room the source is not asked', async () => {
  const source = new HandSource();
  const { owner } = start(source);
  owner.room = new Deferred();
  await source.give('a');
  assert.is(source.pulls, 1);
  owner.room.resolve();
  owner.room = undefined;
  await turns(3);
  assert.is(source.pulls, 2);
  await source.end();
});

test('a source of empty chunks without an end leaves others their turn', async () => {
  let isWanted = true;
  async function* empty(): AsyncGenerator<string> {
    while (isWanted) yield '';
  }
  const { owner, pump } = start(empty());
  await turns(20);
  assert.ok(owner.turns > 1);
  isWanted = false;
  await pump.done;
  assert.equal(owner.sizes, [0]);
});

test('streams of the platform and of the library are read alike, and are not locked afterwards', async () => {
  const ours = new HandStream();
  const { owner, pump } = start(ours.stream);
  await ours.give('a', 'b');
  ours.controller.close();
  await pump.done;
  assert.equal([owner.text, ours.stream.locked, ours.cancelled], ['ab', false, []]);
  const theirs = new globalThis.ReadableStream<string>({
    start(controller) {
      controller.enqueue('c');
      controller.close();
    },
  });
  const second = start(theirs);
  await second.pump.done;
  assert.equal([second.owner.text, theirs.locked], ['c', false]);
});
test.run();

const failing = suite('message pump · what fails');

failing('bytes of a text that are not UTF-8 are a TypeError: at the first that cannot be, and at the end', async () => {
  for (const chunks of [
    [Uint8Array.of(0xff)],
    [Uint8Array.of(0xc3), Uint8Array.of(0x28)],
    [Uint8Array.of(0xed, 0xa0)],
    [Uint8Array.of(0xc3)],
    [Uint8Array.of(0xc3), 'a'],
  ]) {
    const { owner, pump } = start(chunksOf(chunks), 'text');
    const error = await rejects(pump.done, TypeError, /UTF-8|cut/);
    assert.equal([owner.sizes, owner.ends], [[], [error]]);
  }
});

failing('a chunk that is no message is a TypeError, and so is a string in a binary message', async () => {
  for (const chunk of [null, undefined, 5, {}, [], true, Symbol.iterator, () => 'a']) {
    const source = chunksOf([chunk as never]);
    await rejects(start(source).pump.done, TypeError, /Cannot send/);
  }
  await rejects(start(chunksOf([new Uint8Array(1), 'a'])).pump.done, TypeError, /string in a binary/);
  await rejects(start(chunksOf(['a']), 'binary').pump.done, TypeError, /string in a binary/);
});

failing('the error of the source is what is told, whether it is one or not', async () => {
  for (const error of [new RangeError('mine'), 'a string', undefined]) {
    const source = new HandSource();
    const { owner, pump } = start(source);
    const reason = pump.done.then(
      () => 'fulfilled',
      (thrown) => [thrown],
    );
    await source.fail(error);
    assert.equal([await reason, owner.ends], [[error], [error]]);
  }
});

failing('an iterator that throws, or is none, fails as one that rejects does', async () => {
  const cause = new Error('mine');
  const fail = (): never => {
    throw cause;
  };
  for (const body of [
    { [Symbol.asyncIterator]: fail },
    { [Symbol.asyncIterator]: () => ({ next: fail }) },
    { [Symbol.asyncIterator]: () => ({ next: fail, return: fail }) },
  ]) {
    assert.is(await rejects(start(body as AsyncIterable<string>).pump.done, Error), cause);
  }
  for (const body of [
    { [Symbol.asyncIterator]: () => undefined },
    { [Symbol.asyncIterator]: () => ({}) },
    { [Symbol.asyncIterator]: () => ({ next: () => undefined }) },
  ]) {
    await rejects(start(body as unknown as AsyncIterable<string>).pump.done, TypeError);
  }
});

failing('a source whose chunk is refused is told that nobody wants more', async () => {
  const source = new HandSource<unknown>();
  const { pump } = start(source as AsyncIterable<string>);
  void source.give(5);
  await rejects(pump.done, TypeError);
  await turns(1);
  assert.is(source.returns, 1);
  const stream = new HandStream<unknown>();
  const second = start(stream.stream as ReadableStream<string>);
  void stream.give(5);
  const error = await rejects(second.pump.done, TypeError);
  assert.equal([stream.cancelled, stream.stream.locked], [[error], false]);
});

failing('a stream that somebody has locked since it was sent fails', async () => {
  const { stream } = new HandStream();
  const owner = new Owner();
  const pump = new MessagePump(owner, { type: undefined, body: stream });
  stream.getReader();
  pump.start();
  await rejects(pump.done, TypeError);
  assert.is(owner.ends.length, 1);
});
failing.run();

const stopping = suite('message pump · stopped');
const reason = new Error('stopped');

for (const [what, begin] of [
  ['before it was begun', () => {}],
  ['while it waits for a chunk', (pump: MessagePump) => pump.start()],
] as const) {
  stopping(`${what}: the source is cancelled, the promise rejects, and the owner is told nothing`, async () => {
    const iterable = new HandSource();
    const stream = new HandStream();
    for (const body of [iterable, stream.stream]) {
      const owner = new Owner();
      const pump = new MessagePump(owner, { type: undefined, body });
      begin(pump);
      await turns(1);
      pump.stop(reason);
      pump.stop(new Error('again'));
      assert.is(await rejects(pump.done, Error), reason);
      await turns(3);
      assert.equal([owner.sizes, owner.ends, pump.gathered], [[], [], 0]);
    }
    assert.equal([iterable.returns, stream.cancelled, stream.stream.locked], [1, [reason], false]);
  });
}

stopping('while it waits for room: the source is not asked any more', async () => {
  const source = new HandSource();
  const { owner, pump } = start(source);
  owner.room = new Deferred();
  await source.give('a');
  pump.stop(reason);
  owner.room.reject(reason);
  await rejects(pump.done, Error);
  await turns(3);
  assert.equal([source.pulls, source.returns, owner.ends], [1, 1, []]);
});

stopping('what a source gives, throws or does afterwards is of no consequence', async () => {
  for (const finish of [
    (source: HandSource) => source.give('late'),
    (source: HandSource) => source.end(),
    (source: HandSource) => source.fail(new Error('late')),
  ]) {
    const source = new HandSource();
    const { owner, pump } = start(source);
    pump.stop(reason);
    await finish(source);
    assert.equal([owner.sizes, owner.ends, source.pulls], [[], [], 1]);
  }
});

stopping('a source that cannot be cancelled, or never is, holds nobody up', async () => {
  const fail = (): never => {
    throw new Error('mine');
  };
  const never = (): Promise<never> => new Promise(() => {});
  const iterables = [fail, () => Promise.reject(new Error('mine')), never, undefined].map((end) => ({
    [Symbol.asyncIterator]: () => ({ next: never, return: end }),
  }));
  const { ReadableStream } = globalThis;
  const bodies = [...iterables, ...[fail, never].map((cancel) => new ReadableStream({ cancel }))];
  for (const body of bodies) {
    const { pump } = start(body as Body);
    await turns(1);
    pump.stop(reason);
    assert.is(await rejects(pump.done, Error), reason);
  }
  await turns(3);
});

stopping('one that has ended is not stopped', async () => {
  const { owner, pump } = start(chunksOf(['a']));
  await pump.done;
  pump.stop(reason);
  await pump.done;
  assert.equal(owner.ends, ['sent']);
});

stopping('nothing has escaped', async () => {
  await turns(3);
  assert.equal(seen, []);
});
stopping.run();
