import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PREVIEW_SIZE, type TappedFrame, type TappedMessage, wireTap } from '../../lib/demo/wire-tap.ts';
import type { Role } from '../../lib/frame/frame.ts';
import { closePayload, type WireFrame, wireHeaderTo, wireTo } from '../support/frames.ts';
import { join } from '../support/hex.ts';

const test = suite('wire-tap');

type Told = ['frame', TappedFrame] | ['message', TappedMessage] | ['fault', string];

/** Sends chunks through a tap; gives what came out and what it told. */
async function tap(role: Role, chunks: readonly Uint8Array[]): Promise<{ chunks: Uint8Array[]; told: Told[] }> {
  const told: Told[] = [];
  const transform = wireTap(role, {
    frame: (frame) => told.push(['frame', frame]),
    message: (message) => told.push(['message', message]),
    fault: (fault) => told.push(['fault', fault.code]),
  });
  const passed: Uint8Array[] = [];
  for await (const chunk of streamOf(chunks).pipeThrough(transform)) passed.push(chunk);
  return { chunks: passed, told };
}

function streamOf(chunks: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  const left = [...chunks];
  return new ReadableStream({
    pull(controller) {
      const chunk = left.shift();
      if (chunk === undefined) controller.close();
      else controller.enqueue(chunk);
    },
  });
}

/** A frame of the list, as it should be told of. */
function expectFrame(role: Role, frame: WireFrame, isText: boolean): Told {
  const payload = typeof frame.payload === 'string' ? new TextEncoder().encode(frame.payload) : frame.payload;
  const preview = payload ?? new Uint8Array(0);
  const { opcode, fin = true, rsv = 0 } = frame;
  return [
    'frame',
    {
      opcode: opcode as TappedFrame['opcode'],
      fin,
      rsv,
      isMasked: role === 'server',
      payloadLength: preview.byteLength,
      isText,
      preview: preview.slice(0, PREVIEW_SIZE),
    },
  ];
}

function expectMessage(isText: boolean, frames: number, text: string, isEncoded = false): Told {
  const preview = new TextEncoder().encode(text);
  return ['message', { isText, isEncoded, frames, payloadLength: preview.byteLength, preview }];
}

const frames: readonly WireFrame[] = [
  { opcode: 1, payload: 'hello' },
  { opcode: 2, fin: false, payload: 'two' },
  { opcode: 9, payload: 'between' },
  { opcode: 0, fin: false, payload: '' },
  { opcode: 0, payload: ' parts' },
  { opcode: 10 },
  { opcode: 1, rsv: 0x40, payload: 'x' },
  { opcode: 1, payload: 'm'.repeat(130) },
  { opcode: 8, payload: closePayload(1000, 'bye') },
];

function expectAll(role: Role): Told[] {
  const told = frames.map((frame) => expectFrame(role, frame, frame.opcode === 1));
  const messages: readonly [number, Told][] = [
    [7, expectMessage(true, 1, 'm'.repeat(130))],
    [6, expectMessage(true, 1, 'x', true)],
    [4, expectMessage(false, 3, 'two parts')],
    [0, expectMessage(true, 1, 'hello')],
  ];
  for (const [index, message] of messages) told.splice(index + 1, 0, message);
  return told;
}

for (const role of ['server', 'client'] as const) {
  const bytes = join(...frames.map((frame) => wireTo(role, frame)));

  test(`a tap of what the ${role} receives tells of every frame and message, and gives the chunks themselves on`, async () => {
    const chunk = bytes.slice();
    const { chunks, told } = await tap(role, [chunk]);
    assert.equal(told, expectAll(role));
    assert.is(chunks.length, 1);
    assert.is(chunks[0], chunk);
    assert.equal(chunk, bytes);
  });

  test(`a tap of what the ${role} receives changes no byte and tells the same at every split`, async () => {
    const expected = expectAll(role);
    for (let at = 1; at < bytes.byteLength; at++) {
      const { chunks, told } = await tap(role, [bytes.slice(0, at), bytes.slice(at)]);
      assert.equal(
        chunks.map((chunk) => chunk.byteLength),
        [at, bytes.byteLength - at],
      );
      assert.equal(join(...chunks), bytes);
      assert.equal(told, expected, `split at ${at}`);
    }
    const drip = await tap(
      role,
      Array.from(bytes, (byte) => Uint8Array.of(byte)),
    );
    assert.equal(join(...drip.chunks), bytes);
    assert.equal(drip.told, expected);
  });

  test(`a tap of what the ${role} receives keeps the beginning of a long payload only, and tells of it while it comes`, async () => {
    const frame: WireFrame = { opcode: 2, payload: new Uint8Array(100_000).fill(7) };
    const whole = wireTo(role, frame);
    const { told } = await tap(role, [whole.slice(0, 300)]);
    assert.equal(told, [expectFrame(role, frame, false)]);
    const { told: toldAll } = await tap(role, [whole.slice(0, 300), whole.slice(300, 5000), whole.slice(5000)]);
    assert.equal(toldAll.slice(0, 1), told);
    assert.equal(
      toldAll.map(([kind]) => kind),
      ['frame', 'message'],
    );
  });

  test(`a tap of what the ${role} receives tells of a fault once and goes on to pass bytes`, async () => {
    const good = wireTo(role, { opcode: 1, payload: 'good' });
    const bad = wireHeaderTo(role, { opcode: 3, payload: 'bad' });
    const { chunks, told } = await tap(role, [join(good, bad), good, good]);
    assert.equal(join(...chunks), join(good, bad, good, good));
    assert.equal(told.slice(2), [['fault', 'ERR_WS_UNKNOWN_OPCODE']]);
  });
}

test('a tap gives on an end and an error like any transform', async () => {
  const { readable, writable } = wireTap('server', { frame() {}, message() {}, fault() {} });
  const reader = readable.getReader();
  const writer = writable.getWriter();
  const failure = new Error('gone');
  const reading = reader.read().catch((error: unknown) => error);
  writer.closed.catch(() => {});
  await writer.abort(failure);
  assert.is(await reading, failure);
});

test.run();
