// What an endpoint receives: messages, control frames, faults.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Endpoint } from '../../lib/endpoint/endpoint.ts';
import type { Role } from '../../lib/frame/frame.ts';
import type { ProtocolLimits } from '../../lib/limits.ts';
import { throws } from '../support/check.ts';
import { failsAt, makeEndpoint, receive, type SeenEvent, seeMessage, takeAll } from '../support/deliver.ts';
import { closePayload, KEY, toBytes, type WireFrame, wire, wireHeaderTo, wireTo, xor } from '../support/frames.ts';
import { hex, join, toHex } from '../support/hex.ts';

const test = suite('endpoint · receiving, RFC 6455 §5 and §6.2');

const roles: readonly Role[] = ['server', 'client'];
const noKey = new Uint8Array(4);

/** A frame as an endpoint of that role sends it; a client's key is 00000000 here. */
function sent(role: Role, frame: WireFrame): string {
  return toHex(wire(role === 'client' ? { maskingKey: noKey, ...frame } : frame));
}

function input(role: Role, frames: readonly WireFrame[]): Uint8Array {
  return join(...frames.map((frame) => wireTo(role, frame)));
}

/** Asserts that an endpoint gives these events, sends nothing and stays open. */
function gives(role: Role, frames: readonly WireFrame[], events: readonly SeenEvent[]): void {
  const expected = { events, state: 'open' as const, retained: 0, output: '' };
  assert.equal(receive({ role }, input(role, frames)), expected);
}

/** Asserts that an endpoint fails: a fault event, its code in a close frame, and nothing after it. */
function fails(
  role: Role,
  bytes: Uint8Array,
  [code, closeCode]: readonly [string, number],
  limits: Partial<ProtocolLimits> = {},
): void {
  const { events, state, retained, output } = receive({ role, limits }, bytes);
  const event = events.at(-1);
  assert.is(event?.type, 'fault');
  if (event?.type !== 'fault') return;
  assert.equal([event.fault.code, event.fault.closeCode], [code, closeCode]);
  const payload = closePayload(closeCode, event.fault.message);
  assert.ok(output.endsWith(sent(role, { opcode: 8, payload })), 'its close frame tells the fault');
  assert.equal([state, retained], ['failed', 0]);
}

for (const role of roles) {
  // --- Messages ----------------------------------------------------------------------------------------------------

  test(`${role} gives text messages as strings and binary ones as bytes, in their order`, () => {
    gives(
      role,
      [
        { opcode: 1, payload: 'Hello' },
        { opcode: 2, payload: hex('00 01 ff') },
        { opcode: 1 },
        { opcode: 2 },
        { opcode: 1, payload: 'κόσμε 😀 \ufeff' },
      ],
      [
        { type: 'message', text: 'Hello' },
        { type: 'message', bytes: '00 01 ff' },
        { type: 'message', text: '' },
        { type: 'message', bytes: '' },
        { type: 'message', text: 'κόσμε 😀 \ufeff' },
      ],
    );
  });

  test(`${role} joins fragments, and answers a ping between them at once`, () => {
    const frames = [
      { opcode: 1, fin: false, payload: 'ABC' },
      { opcode: 9, payload: 'ping' },
      { opcode: 0, fin: false, payload: '12' },
      { opcode: 0, payload: '3' },
    ];
    const { events, output } = receive({ role }, input(role, frames));
    assert.equal(events, [
      { type: 'ping', payload: '70 69 6e 67' },
      { type: 'message', text: 'ABC123' },
    ]);
    assert.is(output, sent(role, { opcode: 10, payload: 'ping' }));
  });

  test(`${role} takes 125 texts of 1 to 125 bytes in order, and nothing more`, () => {
    const texts = Array.from({ length: 125 }, (_, index) => 'x'.repeat(index + 1));
    gives(
      role,
      texts.map((payload) => ({ opcode: 1, payload })),
      texts.map((text) => ({ type: 'message', text })),
    );
  });

  test(`${role} takes 100,000 small texts in one chunk`, () => {
    const bytes = input(
      role,
      Array.from({ length: 1000 }, (_, index) => ({ opcode: 1, payload: `text ${index}` })),
    );
    const endpoint = makeEndpoint({ role });
    for (let count = 0; count < 100; count++) {
      const events = endpoint.receive(bytes.slice(), true);
      assert.equal(
        events.map((event) => event.type === 'message' && event.message),
        Array.from({ length: 1000 }, (_, index) => `text ${index}`),
      );
    }
  });

  test(`${role} takes a message of 0xc123 characters and one of 1 MiB, the default limit`, () => {
    for (const length of [24_000, 0xc123, 2 ** 20]) {
      const text = 'x'.repeat(length);
      gives(role, [{ opcode: 1, payload: text }], [seeMessage(text)]);
      const halves = [text.slice(0, 1000), text.slice(1000)];
      const frames = halves.map((payload, index) => ({ opcode: index === 0 ? 1 : 0, fin: index === 1, payload }));
      gives(role, frames, [seeMessage(text)]);
    }
  });

  test(`${role} gives what came before a fault and before an input that ends inside a frame`, () => {
    const frames = input(role, [
      { opcode: 1, payload: 'a' },
      { opcode: 2, payload: 'b' },
    ]);
    const { events, retained, state } = receive(
      { role },
      join(frames, input(role, [{ opcode: 2, payload: 'cde' }]).slice(0, -1)),
    );
    assert.equal(events.length, 2);
    assert.equal([retained, state], [2, 'open']);
  });

  // --- Control frames ----------------------------------------------------------------------------------------------

  test(`${role} answers each ping with a pong of the same payload, in order`, () => {
    const payloads = ['', 'a', 'b', 'x'.repeat(125), '\u0000\u00ff'];
    const { events, output, state } = receive(
      { role },
      input(
        role,
        payloads.map((payload) => ({ opcode: 9, payload })),
      ),
    );
    assert.equal(
      events,
      payloads.map((payload) => ({ type: 'ping', payload: toHex(toBytes(payload)) })),
    );
    const pongs = payloads.map((payload) =>
      wire({ opcode: 10, payload, ...(role === 'client' ? { maskingKey: noKey } : {}) }),
    );
    assert.equal([output, state], [toHex(join(...pongs)), 'open']);
  });

  test(`${role} reports a pong that nobody asked for and answers nothing`, () => {
    gives(
      role,
      [{ opcode: 10 }, { opcode: 10, payload: 'hi' }],
      [
        { type: 'pong', payload: '' },
        { type: 'pong', payload: '68 69' },
      ],
    );
  });

  test(`${role} reports the close frame, and nothing that comes after it`, () => {
    const after = [{ opcode: 1, payload: 'late' }, { opcode: 9 }, { opcode: 8, payload: closePayload(4000) }];
    const frames = [{ opcode: 1, payload: 'a' }, { opcode: 8, payload: closePayload(1001, 'bye') }, ...after];
    const { events, state, output } = receive({ role }, join(input(role, frames), hex('ff ff ff')));
    assert.equal(events, [
      { type: 'message', text: 'a' },
      { type: 'close', closeCode: 1001, reason: 'bye' },
    ]);
    assert.equal([state, output], ['close-received', '']);
  });

  test(`${role} reports 1005 for a close frame without a code`, () => {
    assert.equal(receive({ role }, input(role, [{ opcode: 8 }])).events, [
      { type: 'close', closeCode: 1005, reason: '' },
    ]);
  });

  test(`${role} takes a close frame inside a fragmented message, which it drops`, () => {
    const frames = [
      { opcode: 1, fin: false, payload: 'half' },
      { opcode: 8, payload: closePayload(1000) },
    ];
    const { events, retained, state } = receive({ role }, input(role, frames));
    assert.equal(events, [{ type: 'close', closeCode: 1000, reason: '' }]);
    assert.equal([retained, state], [0, 'close-received']);
  });

  // --- Faults ------------------------------------------------------------------------------------------------------

  const start: WireFrame = { opcode: 1, fin: false, payload: 'a' };
  const faults: readonly [string, Uint8Array, string, number][] = [
    ['a reserved bit', input(role, [{ opcode: 1, rsv: 0x40, payload: 'a' }]), 'ERR_WS_UNEXPECTED_RSV', 1002],
    [
      'a reserved bit in a second fragment',
      input(role, [start, { opcode: 0, rsv: 0x40 }]),
      'ERR_WS_UNEXPECTED_RSV',
      1002,
    ],
    ['opcode 3 (83 00)', hex('83 00'), 'ERR_WS_UNKNOWN_OPCODE', 1002],
    ['a fragmented ping', input(role, [{ opcode: 9, fin: false }]), 'ERR_WS_CONTROL_FRAME_FRAGMENTED', 1002],
    ['a ping of 126 bytes', wireHeaderTo(role, { opcode: 9, declared: 126 }), 'ERR_WS_CONTROL_FRAME_TOO_LONG', 1002],
    ['a continuation of nothing', input(role, [{ opcode: 0, payload: 'a' }]), 'ERR_WS_UNEXPECTED_CONTINUATION', 1002],
    ['a text inside a message', input(role, [start, { opcode: 1 }]), 'ERR_WS_EXPECTED_CONTINUATION', 1002],
    [
      'a length that is not minimal',
      wireHeaderTo(role, { opcode: 1, declared: 6, lengthBits: 16 }),
      'ERR_WS_LENGTH_NOT_MINIMAL',
      1002,
    ],
    [
      'a 64-bit length with its top bit set',
      hex(role === 'server' ? '82 ff 80' : '82 7f 80'),
      'ERR_WS_INVALID_LENGTH',
      1002,
    ],
    ['a text that is not UTF-8', input(role, [{ opcode: 1, payload: hex('ff') }]), 'ERR_WS_INVALID_UTF8', 1007],
    [
      'a text that ends inside a character',
      input(role, [{ opcode: 1, payload: hex('e2 82') }]),
      'ERR_WS_INVALID_UTF8',
      1007,
    ],
    [
      'a close payload of one byte',
      input(role, [{ opcode: 8, payload: hex('03') }]),
      'ERR_WS_INVALID_CLOSE_PAYLOAD',
      1002,
    ],
    [
      'a close code of 1005',
      input(role, [{ opcode: 8, payload: closePayload(1005) }]),
      'ERR_WS_INVALID_CLOSE_CODE',
      1002,
    ],
    [
      'a close reason that is not UTF-8',
      input(role, [{ opcode: 8, payload: closePayload(1000, hex('ff')) }]),
      'ERR_WS_INVALID_UTF8',
      1007,
    ],
    [
      'a frame over the default limit',
      wireHeaderTo(role, { opcode: 2, declared: 2 ** 20 + 1 }),
      'ERR_WS_FRAME_TOO_LONG',
      1009,
    ],
  ];
  for (const [name, bytes, code, closeCode] of faults) {
    test(`${role} fails with ${closeCode} on ${name}`, () => {
      fails(role, bytes, [code, closeCode]);
      // Behind other frames, of which the pongs still go out before the close frame.
      if (!name.includes('inside a message') && !name.includes('second fragment')) {
        fails(
          role,
          join(
            input(role, [
              { opcode: 1, payload: 'before' },
              { opcode: 9, payload: 'p' },
            ]),
            bytes,
          ),
          [code, closeCode],
        );
      }
    });
  }

  test(`${role} fails with 1002 on a frame with the wrong masking`, () => {
    const bytes = role === 'server' ? hex('81 01 61') : hex('81 81 00 00 00 00 61');
    fails(role, bytes, [role === 'server' ? 'ERR_WS_MISSING_MASK' : 'ERR_WS_UNEXPECTED_MASK', 1002]);
  });

  test(`${role} fails with 1009 on a message over its limit, in one frame or in many, at the header that tells`, () => {
    const limits = { maxMessageSize: 1023 };
    const whole = wireHeaderTo(role, { opcode: 2, declared: 1024 });
    fails(role, whole, ['ERR_WS_FRAME_TOO_LONG', 1009], limits);
    const half = { opcode: 2, fin: false, payload: new Uint8Array(512) };
    const parts = join(input(role, [half]), wireHeaderTo(role, { opcode: 0, declared: 512 }));
    fails(role, parts, ['ERR_WS_MESSAGE_TOO_LONG', 1009], limits);
    assert.is(failsAt({ role, limits }, parts), parts.byteLength, 'before a byte of its payload');
    const last = input(role, [half, { opcode: 0, payload: new Uint8Array(511) }]);
    assert.is(receive({ role, limits }, last).events[0]?.type, 'message');
  });

  test(`${role} fails with 1009 on a frame over its limit, although a message may be longer`, () => {
    const limits = { maxMessageSize: 1000, maxFrameSize: 100 };
    fails(role, wireHeaderTo(role, { opcode: 2, declared: 101 }), ['ERR_WS_FRAME_TOO_LONG', 1009], limits);
    const hundred = new Uint8Array(100);
    const frames = [
      { opcode: 2, fin: false, payload: hundred },
      { opcode: 0, payload: hundred },
    ];
    assert.is(receive({ role, limits }, input(role, frames)).state, 'open');
  });

  test(`${role} takes a frame as long as a message may be when no limit of frames is set`, () => {
    const limits = { maxMessageSize: 3 * 2 ** 20 };
    const endpoint = makeEndpoint({ role, limits });
    endpoint.receive(wireHeaderTo(role, { opcode: 2, declared: 3 * 2 ** 20 }));
    assert.is(endpoint.state, 'open');
    fails(role, wireHeaderTo(role, { opcode: 2, declared: 3 * 2 ** 20 + 1 }), ['ERR_WS_FRAME_TOO_LONG', 1009], limits);
  });

  test(`${role} fails with 1009 on the fragment over the limit of them`, () => {
    const limits = { maxFragments: 2 };
    const more = { opcode: 0, fin: false };
    fails(role, input(role, [start, more, more]), ['ERR_WS_TOO_MANY_FRAGMENTS', 1009], limits);
  });

  test(`${role} fails a text at its first impossible byte`, () => {
    const payload = join(toBytes('κόσμε'), hex('f4 90 80 80'), toBytes('more'));
    const bytes = input(role, [{ opcode: 1, payload }]);
    assert.is(failsAt({ role }, bytes), bytes.byteLength - payload.byteLength + 12);
  });

  test(`${role} refuses a chunk while the one before is not used up, and goes on with that`, () => {
    const endpoint = makeEndpoint({ role });
    const bytes = input(role, [
      { opcode: 1, payload: 'a' },
      { opcode: 1, payload: 'b' },
    ]);
    assert.is(endpoint.receive(bytes, false, 1).length, 1);
    assert.ok(endpoint.hasUnread);
    throws(() => endpoint.receive(bytes), Error, /Cannot push a chunk/);
    assert.is(endpoint.resume().length, 1);
    assert.not(endpoint.hasUnread);
  });

  test(`${role} gives nothing for an empty chunk, and nothing to resume without one`, () => {
    const endpoint = makeEndpoint({ role });
    assert.equal(endpoint.receive(new Uint8Array(0)), []);
    assert.equal(endpoint.resume(), []);
    assert.not(endpoint.hasUnread);
  });

  test(`${role} leaves the messages it has given as they are when more comes`, () => {
    const endpoint = makeEndpoint({ role });
    const taken: [Uint8Array, string][] = [];
    for (let index = 0; index < 50; index++) {
      const payload = new Uint8Array(1 + index * 40).fill(index);
      for (const event of endpoint.receive(
        input(role, [
          { opcode: 2, payload },
          { opcode: 9, payload: 'p' },
        ]),
        true,
      )) {
        if (event.type === 'message') taken.push([event.message as Uint8Array, toHex(payload)]);
      }
    }
    assert.is(taken.length, 50);
    for (const [message, digits] of taken) assert.is(toHex(message), digits);
  });
}

test('server never writes into a chunk that it does not own, a Buffer either', () => {
  const payload = new Uint8Array(10_000).fill(7);
  const chunk = Buffer.from(wireTo('server', { opcode: 2, payload }));
  const endpoint = new Endpoint({ role: 'server' });
  const [event] = endpoint.receive(chunk);
  assert.is(event?.type, 'message');
  assert.is(Buffer.compare(chunk.subarray(-10_000), xor(payload, KEY)), 0);
});

test('a limit that is no positive integer, or that does not exist, is refused', () => {
  for (const value of [0, -1, 1.5, Number.NaN, Number.NEGATIVE_INFINITY, '10']) {
    for (const name of ['maxMessageSize', 'maxFrameSize', 'maxFragments']) {
      throws(() => new Endpoint({ role: 'server', limits: { [name]: value } }), RangeError, new RegExp(name));
    }
  }
  throws(() => new Endpoint({ role: 'server', limits: { maxUnsentPongs: Number.NaN } }), RangeError, /maxUnsentPongs/);
  throws(() => new Endpoint({ role: 'server', limits: { maxPayload: 1 } as object }), TypeError, /maxPayload/);
});

test('a limit that is undefined is the default, not none', () => {
  const limits = { maxMessageSize: undefined, maxFrameSize: undefined } as unknown as ProtocolLimits;
  fails(
    'server',
    wireHeaderTo('server', { opcode: 2, declared: 2 ** 20 + 1 }),
    ['ERR_WS_FRAME_TOO_LONG', 1009],
    limits,
  );
});

test('client cannot be made without a source of masking keys', () => {
  throws(() => new Endpoint({ role: 'client' }), TypeError, /masking keys/);
});

test('pongs that wait go out before the close frame of a fault', () => {
  const endpoint = new Endpoint({ role: 'server' });
  endpoint.receive(join(wireTo('server', { opcode: 9, payload: 'p' }), hex('83')));
  assert.ok(toHex(takeAll(endpoint)).startsWith('8a 01 70 88 '));
});

test.run();
