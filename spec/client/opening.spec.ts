// The client's opening handshake over a transport: the request goes out once, the outcome comes in every split and at every moment, and nothing is left behind.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Opened, Opening } from '../../lib/client/opening.ts';
import { type ErrorCode, HandshakeError } from '../../lib/error.ts';
import { acceptKey, encodeBase64 } from '../../lib/handshake/accept-key.ts';
import { ClientHandshake, type ClientHandshakeOptions } from '../../lib/handshake/client-handshake.ts';
import { upgradeTransport } from '../../lib/job/upgrade.ts';
import type { Message } from '../../lib/message/message.ts';
import { TestClock } from '../support/clock.ts';
import { wire } from '../support/frames.ts';
import { hex, join } from '../support/hex.ts';
import { watchEscapes } from '../support/pair.ts';
import { TransportByHand } from '../support/transport-by-hand.ts';
import { turns, within } from '../support/until.ts';

const test = suite('opening');

const escapes = watchEscapes();
const key = Uint8Array.from({ length: 16 }, (_, index) => index);
const accept = acceptKey(encodeBase64(key));
const GOOD = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;

function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** One opening, and what it has called. */
class Scene {
  readonly transport: TransportByHand;
  readonly clock: TestClock = new TestClock();
  readonly opening: Opening;
  readonly opened: Opened[] = [];
  readonly errors: unknown[] = [];
  readonly messages: (Message | undefined)[] = [];

  constructor(options: Partial<ClientHandshakeOptions> & { readonly runs?: boolean } = {}, ...held: Uint8Array[]) {
    this.transport = new TransportByHand(...held);
    const handshake = new ClientHandshake({ host: 'example.com', path: '/chat', key, ...options });
    const { transport, clock } = this;
    this.opening = new Opening(
      { transport, handshake, clock, deadline: 1000 },
      (opened) => {
        this.opened.push(opened);
        if (options.runs === true) this.#run(opened);
      },
      (error) => void this.errors.push(error),
    );
  }

  get calls(): number {
    return this.opened.length + this.errors.length;
  }

  get error(): HandshakeError {
    assert.is(this.errors.length, 1, `${this.errors.length} errors`);
    return this.errors[0] as HandshakeError;
  }

  /** Asserts that it has failed once, that the transport is cut and that no timer is left. */
  failed(code: ErrorCode, status: number): HandshakeError {
    const { error } = this;
    assert.instance(error, HandshakeError);
    assert.equal([error.code, error.status], [code, status], error.message);
    this.#over();
    assert.ok(this.transport.isDestroyed, 'the transport is cut');
    assert.is(this.opened.length, 0);
    return error;
  }

  accepted(): Opened {
    assert.equal(this.errors, []);
    this.#over();
    assert.not(this.transport.isDestroyed);
    return this.opened[0] as Opened;
  }

  #over(): void {
    assert.is(this.calls, 1, 'it settles once');
    assert.is(this.transport.asked.filter((call) => call === 'destroy').length < 2, true, 'it is cut once');
  }

  #run({ transport }: Opened): void {
    const { session } = upgradeTransport(transport, { clock: this.clock }, undefined, { role: 'client' });
    void (async () => {
      for await (const message of session) this.messages.push(message);
      this.messages.push(undefined);
    })().catch(() => {});
  }
}

test('the request is written once and at once, and nothing else', () => {
  const scene = new Scene();
  const { transport } = scene;
  assert.match(
    new TextDecoder().decode(transport.written),
    /^GET \/chat HTTP\/1\.1\r\nHost: example\.com\r\n.*\r\n\r\n$/s,
  );
  transport.take();
  transport.give(latin1('HTTP/1.1 100 Continue\r\n\r\n'));
  transport.give(latin1('HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n'));
  assert.is(transport.writes.length, 1);
  assert.is(scene.calls, 0);
  transport.give(latin1(GOOD));
  scene.accepted();
  assert.is(transport.writes.length, 1);
  assert.is(scene.clock.pending, 0);
});

test('the outcome is the same in every split of the response, and what stands behind the head reaches the session', async () => {
  const frames = join(wire({ opcode: 1, payload: 'first' }), wire({ opcode: 1, payload: 'second' }));
  const whole = join(latin1(GOOD), frames);
  for (let cut = 1; cut < whole.byteLength; cut++) {
    const scene = new Scene({ runs: true });
    scene.transport.take();
    // Copies, since what is pushed may be used again.
    scene.transport.give(whole.slice(0, cut));
    scene.transport.give(whole.slice(cut));
    await turns(2);
    assert.is(scene.accepted().response.subprotocol, '');
    assert.equal(scene.messages, ['first', 'second'], `cut at ${cut}`);
    scene.transport.close();
    await turns(2);
  }
});

test('byte by byte it is accepted in the turn of the last byte of the head', async () => {
  const scene = new Scene({ runs: true });
  scene.transport.take();
  const head = latin1(GOOD);
  for (const [index, byte] of head.entries()) {
    assert.is(scene.calls, 0, `${index}`);
    scene.transport.give(Uint8Array.of(byte));
  }
  assert.is(scene.calls, 1);
  for (const byte of wire({ opcode: 2, payload: hex('01 02') })) scene.transport.give(Uint8Array.of(byte));
  await turns(2);
  assert.equal(scene.messages, [hex('01 02')]);
  scene.transport.close();
  await turns(2);
});

test('a head, frames, the close frame and the end in one chunk each come to the session in order', async () => {
  for (const together of [true, false]) {
    const scene = new Scene({ runs: true });
    scene.transport.take();
    const parts = [
      latin1(GOOD),
      wire({ opcode: 1, payload: 'a' }),
      wire({ opcode: 9, payload: '' }),
      wire({ opcode: 8, payload: hex('03 e8') }),
    ];
    for (const part of together ? [join(...parts)] : parts) scene.transport.give(part);
    scene.transport.giveEnd();
    await turns(3);
    assert.equal(scene.messages, ['a', undefined]);
    for (; scene.transport.isWriting; await turns(3)) scene.transport.take();
    assert.equal(scene.transport.asked.at(-1), 'end');
    scene.transport.takeEnd();
    scene.transport.close();
    await turns(3);
    assert.is(scene.clock.pending, 0, 'no timer is left');
  }
});

test('the first write of the session waits until the request was taken', async () => {
  const scene = new Scene({ runs: true });
  scene.transport.give(join(latin1(GOOD), wire({ opcode: 9, payload: 'x' })));
  await turns(3);
  assert.is(scene.transport.writes.length, 1, 'the pong waits');
  scene.transport.take();
  await turns(3);
  assert.is(scene.transport.writes.length, 2);
  assert.is((scene.transport.writes[1] as Uint8Array)[0], 0x8a);
  scene.transport.take();
  scene.transport.close();
  await turns(3);
});

test('a refusal waits for its body, in every split, and cuts the transport then', () => {
  const body = 'Come back later';
  const whole = latin1(
    `HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nX: 1\r\nx: 2\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  for (let cut = 1; cut < whole.byteLength; cut++) {
    const scene = new Scene();
    scene.transport.give(whole.slice(0, cut));
    assert.is(scene.calls, 0);
    scene.transport.give(whole.slice(cut));
    const error = scene.failed('ERR_WS_NOT_UPGRADED', 503);
    assert.is(new TextDecoder().decode(error.body), body);
    assert.equal(error.headers.slice(0, 3), [
      ['Retry-After', '7'],
      ['X', '1'],
      ['x', '2'],
    ]);
  }
});

test('a body without a length ends with the transport: by its end, by its close, by an error', () => {
  const enders: ((transport: TransportByHand) => void)[] = [
    (transport) => transport.giveEnd(),
    (transport) => transport.close(),
    (transport) => transport.close(new Error('ECONNRESET')),
  ];
  for (const end of enders) {
    const scene = new Scene();
    scene.transport.give(latin1('HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\n\r\nWho are you?'));
    assert.is(scene.calls, 0);
    end(scene.transport);
    const error = scene.error;
    assert.equal([error.code, error.status], ['ERR_WS_NOT_UPGRADED', 401]);
    assert.is(new TextDecoder().decode(error.body), 'Who are you?');
    assert.is(scene.calls, 1);
  }
});

test('a refusal whose body does not end in time is told as far as it came', async () => {
  for (const length of ['', 'Content-Length: 100\r\n', 'Transfer-Encoding: chunked\r\n']) {
    const scene = new Scene();
    const body = length.startsWith('T') ? '2\r\nNo' : 'No';
    scene.transport.give(latin1(`HTTP/1.1 401 No\r\n${length}\r\n${body}`));
    await scene.clock.turn(999);
    assert.is(scene.calls, 0);
    await scene.clock.turn(1);
    const error = scene.failed('ERR_WS_NOT_UPGRADED', 401);
    assert.is(new TextDecoder().decode(error.body), 'No');
  }
});

test('a transport that ends is an error at every moment of the head', () => {
  const head = latin1(GOOD);
  for (let size = 0; size < head.byteLength; size++) {
    const scene = new Scene();
    scene.transport.give(head.slice(0, size));
    scene.transport.giveEnd();
    scene.failed('ERR_WS_RESPONSE_INCOMPLETE', size < head.indexOf(10) + 1 ? 0 : 101);
  }
});

test('a transport that closes or fails at any moment of the head is an error with the cause', () => {
  const head = latin1(GOOD);
  for (let size = 0; size < head.byteLength; size++) {
    const cause = size % 2 === 0 ? new Error('ECONNRESET') : undefined;
    const scene = new Scene();
    scene.transport.give(head.slice(0, size));
    scene.transport.close(cause);
    assert.is(scene.failed('ERR_WS_UNREACHABLE', 0).cause, cause, `behind ${size} bytes`);
  }
});

test('the time-out cuts it at every moment of the head, and not before its time', async () => {
  const head = latin1(GOOD);
  for (const size of [0, 1, 9, 12, 33, 34, 50, head.byteLength - 1]) {
    const scene = new Scene();
    await scene.clock.turn(500);
    scene.transport.give(head.slice(0, size));
    await scene.clock.turn(499);
    assert.is(scene.calls, 0);
    await scene.clock.turn(1);
    scene.failed('ERR_WS_HANDSHAKE_TIMEOUT', 0);
    assert.is(scene.clock.pending, 0);
    scene.transport.give(head.slice(size));
    scene.transport.close();
    assert.is(scene.calls, 1);
  }
});

test('a byte now and then does not put off the deadline', async () => {
  const scene = new Scene();
  let sent = 0;
  for (const byte of latin1(GOOD).slice(0, 20)) {
    if (scene.calls > 0) break;
    scene.transport.give(Uint8Array.of(byte));
    sent++;
    await scene.clock.turn(100);
  }
  assert.is(sent, 10);
  scene.failed('ERR_WS_HANDSHAKE_TIMEOUT', 0);
});

test('a deadline that has passed times out in a turn of its own', async () => {
  const clock = new TestClock();
  await clock.turn(50);
  const errors: unknown[] = [];
  const transport = new TransportByHand();
  const handshake = new ClientHandshake({ host: 'h', path: '/', key });
  const options = { transport, handshake, clock, deadline: 20 };
  const opening = new Opening(
    options,
    () => assert.unreachable(),
    (error) => void errors.push(error),
  );
  assert.is(errors.length, 0);
  await clock.turn(0);
  assert.is((errors[0] as HandshakeError).code, 'ERR_WS_HANDSHAKE_TIMEOUT');
  opening.abort('late');
  assert.is(errors.length, 1);
});

test('abort rejects with its reason at every moment, and after the end it does nothing', () => {
  const head = latin1(GOOD);
  for (let size = 0; size <= head.byteLength; size++) {
    const scene = new Scene();
    scene.transport.give(head.slice(0, size));
    const reason = size % 3 === 0 ? undefined : { any: 'thing' };
    scene.opening.abort(reason);
    if (size === head.byteLength) {
      scene.accepted();
      continue;
    }
    assert.is(scene.errors.length, 1);
    assert.is(scene.errors[0], reason);
    assert.ok(scene.transport.isDestroyed);
    assert.is(scene.clock.pending, 0);
    scene.opening.abort('again');
    scene.transport.give(head.slice(size));
    scene.transport.close(new Error('late'));
    assert.is(scene.calls, 1);
  }
});

test('abort while a refusal is read rejects with the reason', () => {
  const scene = new Scene();
  scene.transport.give(latin1('HTTP/1.1 401 No\r\n\r\nx'));
  scene.opening.abort('enough');
  assert.equal(scene.errors, ['enough']);
});

test('a response that is malformed is refused as soon as that is known, and cut', () => {
  const cases: [response: string, code: ErrorCode, status: number][] = [
    ['SSH-2.0-OpenSSH\r\n', 'ERR_WS_RESPONSE_MALFORMED', 0],
    ['HTTP/1.0 101 X\r\n', 'ERR_WS_RESPONSE_MALFORMED', 101],
    ['HTTP/1.1 101 X\r\nA b: c\r\n', 'ERR_WS_RESPONSE_MALFORMED', 101],
    [GOOD.replace(accept, 'x'), 'ERR_WS_RESPONSE_INVALID', 101],
    [`HTTP/1.1 101 X\r\nA: ${'a'.repeat(17_000)}`, 'ERR_WS_HEAD_TOO_LARGE', 101],
  ];
  for (const [response, code, status] of cases) {
    const scene = new Scene();
    scene.transport.give(latin1(response));
    scene.failed(code, status);
    scene.transport.give(latin1(GOOD));
    scene.transport.giveEnd();
    scene.transport.close();
    assert.is(scene.calls, 1);
  }
});

test('what had come before the start is read first: a refusal before the request is told, and no request is written', () => {
  const scene = new Scene({}, latin1('HTTP/1.1 503 Full\r\nContent-Le'), latin1('ngth: 0\r\n\r\n'), latin1('more'));
  scene.failed('ERR_WS_NOT_UPGRADED', 503);
  assert.equal(scene.transport.asked, ['start', 'destroy']);
  assert.is(scene.clock.pending, 0);
});

test('what had come before the start may be the beginning of the response', () => {
  const scene = new Scene({}, latin1(GOOD.slice(0, 20)), latin1(GOOD.slice(20, 30)));
  scene.transport.give(latin1(GOOD.slice(30)));
  scene.accepted();
  assert.is(scene.transport.writes.length, 1);
});

test('nothing has escaped in all of this', async () => {
  await within(turns(5), 'the end');
  assert.equal(escapes.seen, []);
});

test.run();
