// RFC 6455 §5 and §6, row by row of the checklist of requirements (F2 to F15), over a real socket, each input as one write and byte by byte. The
// groups of cases are those of the Autobahn test suite.
//
// Left out: F1 and F3 bind a client.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { assertAnswered, assertFailed, describe, exchange } from '../support/exchange.ts';
import { hex } from '../support/hex.ts';
import { binary, close, continuation, masked, ping, pong, RawClient, text } from '../support/raw-client.ts';
import { assertNothingEscaped, startServer } from '../support/server.ts';
import { turns } from '../support/until.ts';

const host = await startServer(undefined, { limits: { maxFragments: 100 } });

const KEY = hex('37 fa 21 3d');

// --- Masking ---------------------------------------------------------------------------------------------------------

const maskSuite = suite('conformance · RFC 6455 §5.1, §5.3 · masking');

maskSuite('F2 server fails with 1002 when a frame is not masked', async () => {
  await assertFailed(host, [hex('81 05 48 65 6c 6c 6f')], 1002, 'ERR_WS_MISSING_MASK');
});

maskSuite('F2 server fails with 1002 when an empty frame is not masked', async () => {
  await assertFailed(host, [hex('81 00')], 1002, 'ERR_WS_MISSING_MASK');
});

maskSuite('F2 server fails with 1002 when a ping is not masked', async () => {
  await assertFailed(host, [hex('89 00')], 1002, 'ERR_WS_MISSING_MASK');
});

maskSuite('F2 server fails with 1002 when a close frame is not masked', async () => {
  await assertFailed(host, [hex('88 02 03 e8')], 1002, 'ERR_WS_MISSING_MASK');
});

maskSuite('F2 server fails with 1002 when a later fragment is not masked', async () => {
  await assertFailed(host, [text('a', false), hex('80 01 62')], 1002, 'ERR_WS_MISSING_MASK');
});

maskSuite('F2 server unmasks the example of RFC 6455 §5.7', async () => {
  await assertAnswered(host, [hex('81 85 37 fa 21 3d 7f 9f 4d 51 58')], ['text Hello']);
});

maskSuite('F2 server unmasks with each key, and each frame with its own', async () => {
  const keys = ['00 00 00 00', 'ff ff ff ff', '00 00 00 01', '80 00 00 00', '12 34 56 78'].map(hex);
  const parts = keys.map((maskingKey, index) => masked({ opcode: 1, payload: `message ${index}`, maskingKey }));
  await assertAnswered(
    host,
    parts,
    keys.map((_, index) => `text message ${index}`),
  );
});

maskSuite('F2 server does not mask what it sends, of any kind', async () => {
  // Asserted of each frame of each exchange in this file; here of each kind.
  await assertAnswered(
    host,
    [ping('p'), text('a'), binary(Uint8Array.of(1)), binary(new Uint8Array(70_000))],
    ['pong p', 'text a', 'binary 01', 'binary of 70000'],
  );
});

maskSuite.run();

// --- RSV and opcodes -------------------------------------------------------------------------------------------------

const headerSuite = suite('conformance · RFC 6455 §5.2 · reserved bits and opcodes');

for (let bits = 1; bits <= 7; bits++) {
  const rsv = bits << 4;
  const names = [1, 2, 3].filter((number) => bits & (8 >> number)).map((number) => `RSV${number}`);
  const what = names.join(' and ');
  for (const opcode of [0x1, 0x2, 0x8, 0x9, 0xa]) {
    headerSuite(`F4 server fails with 1002 when ${what} is set in opcode ${opcode}, without an extension`, async () => {
      await assertFailed(host, [masked({ opcode, rsv, payload: 'xx' })], 1002, 'ERR_WS_UNEXPECTED_RSV');
    });
  }

  headerSuite(`F4 server fails with 1002 when ${what} is set in a fragment`, async () => {
    await assertFailed(
      host,
      [text('a', false), masked({ opcode: 0, rsv, payload: 'b' })],
      1002,
      'ERR_WS_UNEXPECTED_RSV',
    );
  });
}

headerSuite('F4 server answers what came before the frame with RSV set', async () => {
  using client = await RawClient.open(host.port);
  client.send(text('good'));
  assert.is(describe(await client.frame()), 'text good');
  client.send(masked({ opcode: 1, rsv: 0x40, payload: 'bad' }), ping('too late'));
  assert.equal(await client.untilClose(), {
    code: 1002,
    reason: 'Reserved bits are set without an extension that defines them',
    before: [],
  });
  await client.finished();
  client.end();
});

for (const opcode of [3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf]) {
  for (const payload of ['', 'reserved opcode payload']) {
    headerSuite(`F5 server fails with 1002 on opcode ${opcode} ${payload ? 'with' : 'without'} a payload`, async () => {
      await assertFailed(host, [masked({ opcode, payload }), ping()], 1002, 'ERR_WS_UNKNOWN_OPCODE');
    });
  }

  headerSuite(`F5 server fails with 1002 on opcode ${opcode} without FIN`, async () => {
    await assertFailed(host, [masked({ opcode, fin: false, payload: 'x' })], 1002, 'ERR_WS_UNKNOWN_OPCODE');
  });

  headerSuite(`F5 server fails with 1002 on opcode ${opcode} inside a fragmented message`, async () => {
    await assertFailed(
      host,
      [text('a', false), masked({ opcode, payload: 'x' }), continuation('b')],
      1002,
      'ERR_WS_UNKNOWN_OPCODE',
    );
  });
}

headerSuite.run();

// --- Lengths ---------------------------------------------------------------------------------------------------------

const lengthSuite = suite('conformance · RFC 6455 §5.2 · payload lengths');

for (const size of [0, 1, 125, 126, 127, 128, 65_535, 65_536]) {
  const bits = size < 126 ? 7 : size < 65_536 ? 16 : 64;
  lengthSuite(`F6 server echoes a text of ${size} bytes, its length in ${bits} bits`, async () => {
    const payload = '*'.repeat(size);
    const expected = size > 200 ? `text of ${size}` : `text ${payload}`.trimEnd();
    await assertAnswered(host, [text(payload)], [expected]);
    using client = await RawClient.open(host.port, {}, text(payload));
    const frame = await client.frame();
    assert.is(frame.lengthBits, bits);
    assert.ok(frame.fin);
    assert.is(frame.payload.toString(), payload);
  });

  lengthSuite(`F6 server echoes ${size} bytes, their length in ${bits} bits`, async () => {
    const payload = new Uint8Array(size).fill(0xfe);
    const expected = size > 200 ? `binary of ${size}` : `binary ${'fe'.repeat(size)}`.trimEnd();
    await assertAnswered(host, [binary(payload)], [expected]);
    using client = await RawClient.open(host.port, {}, binary(payload));
    const frame = await client.frame();
    assert.is(frame.lengthBits, bits);
    assert.is(Buffer.compare(frame.payload, payload), 0);
  });
}

for (const [length, bits] of [
  [0, 16],
  [125, 16],
  [0, 64],
  [125, 64],
  [126, 64],
  [65_535, 64],
] as const) {
  lengthSuite(`F6 server fails with 1002 when a length of ${length} is written in ${bits} bits`, async () => {
    const frame = masked({ opcode: 2, payload: new Uint8Array(length), lengthBits: bits });
    await assertFailed(host, [frame], 1002, 'ERR_WS_LENGTH_NOT_MINIMAL');
  });
}

for (const digits of ['80 00 00 00 00 00 00 00', '80 00 00 00 00 01 00 00', 'ff ff ff ff ff ff ff ff']) {
  lengthSuite(`F6 server fails with 1002 when the top bit of a length is set: ${digits}`, async () => {
    await assertFailed(host, [hex(`82 ff ${digits}`), KEY], 1002, 'ERR_WS_INVALID_LENGTH');
  });
}

lengthSuite.run();

// --- Control frames --------------------------------------------------------------------------------------------------

const controlSuite = suite('conformance · RFC 6455 §5.5 · control frames');

for (const [name, opcode] of [
  ['ping', 9],
  ['pong', 10],
  ['close frame', 8],
] as const) {
  controlSuite(`F7 server fails with 1002 on a ${name} of 126 bytes`, async () => {
    const payload = new Uint8Array(126).fill(0x31);
    await assertFailed(host, [masked({ opcode, payload })], 1002, 'ERR_WS_CONTROL_FRAME_TOO_LONG');
  });

  controlSuite(`F7 server fails with 1002 on a ${name} whose length is in 64 bits`, async () => {
    const frame = masked({ opcode, payload: '11', lengthBits: 64 });
    await assertFailed(host, [frame], 1002, 'ERR_WS_CONTROL_FRAME_TOO_LONG');
  });

  controlSuite(`F7 server fails with 1002 on a ${name} without FIN`, async () => {
    await assertFailed(
      host,
      [masked({ opcode, payload: '11', fin: false }), continuation('22')],
      1002,
      'ERR_WS_CONTROL_FRAME_FRAGMENTED',
    );
  });
}

controlSuite('F14 server answers an empty ping with an empty pong', async () => {
  await assertAnswered(host, [ping()], ['pong']);
});

controlSuite('F14 server answers a ping with a pong of the same text', async () => {
  await assertAnswered(host, [ping('Hello, world!')], ['pong Hello, world!']);
});

controlSuite('F14 server answers a ping with a pong of the same bytes, which are no UTF-8', async () => {
  await assertAnswered(host, [ping(hex('00 ff fe fd fc fb 00 ff'))], ['pong \x00\xff\xfe\xfd\xfc\xfb\x00\xff']);
});

controlSuite('F14 server answers a ping of 125 bytes', async () => {
  await assertAnswered(host, [ping(new Uint8Array(125).fill(0xfe))], [`pong ${'\xfe'.repeat(125)}`]);
});

controlSuite('F14 server answers ten pings in a row with ten pongs in order', async () => {
  const payloads = Array.from({ length: 10 }, (_, index) => `payload-${index}`);
  await assertAnswered(
    host,
    payloads.map((payload) => ping(payload)),
    payloads.map((payload) => `pong ${payload}`),
  );
});

controlSuite('F14 server takes no notice of a pong that nobody asked for', async () => {
  await assertAnswered(host, [pong(), pong('unsolicited payload'), ping('ping')], ['pong ping']);
});

controlSuite('F14 server sends no pong when it has received a close frame', async () => {
  const { frames, code } = await exchange(host, close(1000), ping('too late'));
  assert.equal(frames, []);
  assert.is(code, 1000);
});

controlSuite.run();

// --- Fragmentation ---------------------------------------------------------------------------------------------------

const fragmentSuite = suite('conformance · RFC 6455 §5.4 · fragmentation');

fragmentSuite('F9 server joins two fragments of a text', async () => {
  await assertAnswered(host, [text('fragment1', false), continuation('fragment2')], ['text fragment1fragment2']);
});

fragmentSuite('F9 server joins three fragments of bytes', async () => {
  await assertAnswered(
    host,
    [binary(hex('01'), false), continuation(hex('02 03'), false), continuation(hex('ff'))],
    ['binary 010203ff'],
  );
});

fragmentSuite('F9 server joins fragmented and whole messages, one behind the other', async () => {
  await assertAnswered(
    host,
    [text('a', false), continuation('b'), text('c'), binary(hex('01'), false), continuation(hex('02')), text('d')],
    ['text ab', 'text c', 'binary 0102', 'text d'],
  );
});

fragmentSuite('F8 server answers a ping in the middle of a message, before the message', async () => {
  await assertAnswered(
    host,
    [text('fragment1', false), ping('ping payload'), continuation('fragment2')],
    ['pong ping payload', 'text fragment1fragment2'],
  );
});

fragmentSuite('F8 server answers pings between all fragments', async () => {
  await assertAnswered(
    host,
    [
      text('f1', false),
      continuation('f2', false),
      ping('p1'),
      continuation('f3', false),
      continuation('f4', false),
      ping('p2'),
      continuation('f5'),
    ],
    ['pong p1', 'pong p2', 'text f1f2f3f4f5'],
  );
});

fragmentSuite('F8 server answers the ping in a message whose rest comes a while later', async () => {
  using client = await RawClient.open(host.port);
  client.send(text('f1', false), continuation('f2', false), ping('p1'));
  assert.is(describe(await client.frame()), 'pong p1');
  await turns(20);
  assert.is(client.buffered, 0);
  client.send(continuation('f3', false), continuation('f4', false), ping('p2'), continuation('f5'));
  assert.is(describe(await client.frame()), 'pong p2');
  assert.is(describe(await client.frame()), 'text f1f2f3f4f5');
});

fragmentSuite('F8 server takes pongs between fragments', async () => {
  await assertAnswered(host, [text('a', false), pong('x'), continuation('b')], ['text ab']);
});

fragmentSuite('F8 server ends a connection whose close frame comes in the middle of a message', async () => {
  const { frames, code, info } = await exchange(host, text('never whole', false), close(1001, 'gone'));
  assert.equal(frames, []);
  assert.is(code, 1001);
  assert.ok(info.wasClean);
  assert.equal(info.received, { closeCode: 1001, reason: 'gone' });
});

for (const fin of [true, false]) {
  const what = fin ? 'with' : 'without';
  fragmentSuite(`F9 server fails with 1002 on a continuation ${what} FIN with nothing to continue`, async () => {
    await assertFailed(
      host,
      [continuation('non-continuation payload', fin), text('Hello')],
      1002,
      'ERR_WS_UNEXPECTED_CONTINUATION',
    );
  });

  fragmentSuite(`F9 server fails with 1002 on a continuation ${what} FIN behind a whole message`, async () => {
    using client = await RawClient.open(host.port);
    client.send(text('a', false), continuation('b'));
    assert.is(describe(await client.frame()), 'text ab');
    client.send(continuation('c', fin));
    assert.is((await client.untilClose()).code, 1002);
    await client.finished();
    client.end();
  });
}

for (const [what, frame] of [
  ['text', text('new')],
  ['binary', binary(hex('01'))],
  ['fragmented text', text('new', false)],
] as const) {
  fragmentSuite(`F9 server fails with 1002 on a ${what} message inside a fragmented one`, async () => {
    await assertFailed(host, [text('unfinished', false), frame], 1002, 'ERR_WS_EXPECTED_CONTINUATION');
  });
}

fragmentSuite('F9 server fails with 1002 on a new message behind fragments and a ping', async () => {
  await assertFailed(
    host,
    [text('f1', false), continuation('f2', false), ping(), text('f3')],
    1002,
    'ERR_WS_EXPECTED_CONTINUATION',
    ['pong'],
  );
});

fragmentSuite('F10 server echoes empty messages', async () => {
  await assertAnswered(host, [text(''), binary(new Uint8Array(0)), text('')], ['text', 'binary', 'text']);
});

fragmentSuite('F10 server joins empty fragments', async () => {
  await assertAnswered(
    host,
    [
      ...[text('', false), continuation('', false), continuation('')],
      ...[text('', false), continuation('x', false), continuation('')],
      ...[binary(new Uint8Array(0), false), continuation('')],
    ],
    ['text', 'text x', 'binary'],
  );
});

fragmentSuite('F11 server takes a large message in pieces of any size', async () => {
  for (const size of [64, 997, 1000, 4096, 65_536]) {
    using client = await RawClient.open(host.port);
    const payload = Uint8Array.from({ length: 200_003 }, (_, index) => index % 251);
    const bytes = binary(payload);
    for (let start = 0; start < bytes.byteLength; start += size) {
      client.send(bytes.subarray(start, start + size));
      if (start % (size * 16) === 0) await turns(1);
    }
    assert.is(Buffer.compare((await client.frame()).payload, payload), 0, `in pieces of ${size}`);
  }
});

fragmentSuite('F11 server takes a message in fragments of any size', async () => {
  const payload = Uint8Array.from({ length: 20_000 }, (_, index) => index % 251);
  for (const size of [256, 1024, 4096, 19_999, 20_000]) {
    using client = await RawClient.open(host.port);
    for (let start = 0; start < payload.byteLength; start += size) {
      const isLast = start + size >= payload.byteLength;
      const part = payload.subarray(start, start + size);
      client.send(start === 0 ? binary(part, isLast) : continuation(part, isLast));
    }
    assert.is(Buffer.compare((await client.frame()).payload, payload), 0, `in fragments of ${size}`);
  }
});

fragmentSuite.run();

// --- Limits and states -----------------------------------------------------------------------------------------------

const limitSuite = suite('conformance · RFC 6455 §10.4, §5.5.1, §6.1 · limits and states');

const MiB = 1024 * 1024;

limitSuite('F12 server takes a message of just the limit, and fails with 1009 on one byte more', async () => {
  using client = await RawClient.open(host.port);
  client.send(binary(new Uint8Array(MiB)));
  assert.is((await client.frame()).payload.byteLength, MiB);
  await assertFailed(host, [masked({ opcode: 2, declared: MiB + 1 })], 1009, 'ERR_WS_FRAME_TOO_LONG');
});

limitSuite('F12 server fails with 1009 when fragments declare more than the limit together', async () => {
  await assertFailed(
    host,
    [binary(new Uint8Array(1000), false), masked({ opcode: 0, declared: MiB - 999 })],
    1009,
    'ERR_WS_MESSAGE_TOO_LONG',
  );
});

limitSuite('F12 server takes as many fragments as the limit, and fails with 1009 on one more', async () => {
  const fragments = [text('x', false), ...Array<Uint8Array>(98).fill(continuation('x', false))];
  await assertAnswered(host, [...fragments, continuation('x')], [`text ${'x'.repeat(100)}`]);
  await assertFailed(
    host,
    [...fragments, continuation('x', false), continuation('x')],
    1009,
    'ERR_WS_TOO_MANY_FRAGMENTS',
  );
});

limitSuite('F12 server counts empty fragments', async () => {
  const fragments = [text('', false), ...Array<Uint8Array>(100).fill(continuation('', false))];
  await assertFailed(host, fragments, 1009, 'ERR_WS_TOO_MANY_FRAGMENTS');
});

limitSuite('F12 server does not count the fragments of another message', async () => {
  const message = [text('x', false), ...Array<Uint8Array>(60).fill(continuation('x', false)), continuation('x')];
  await assertAnswered(host, [...message, ...message], [`text ${'x'.repeat(62)}`, `text ${'x'.repeat(62)}`]);
});

limitSuite('F13 server sends nothing behind its close frame, and F15 sends only while it is open', async () => {
  const refused: string[] = [];
  await using closing = await startServer(async (session) => {
    void session.send('before');
    void session.close(1000);
    for (const message of ['after', new Uint8Array(3), 'x'.repeat(100_000)]) {
      await session.send(message).catch((error) => refused.push(error.code));
    }
    await session.ping().catch((error) => refused.push(error.code));
    await session.closed;
    await session.send('too late').catch((error) => refused.push(error.code));
  });
  using client = await RawClient.open(closing.port);
  const { code, before } = await client.untilClose();
  assert.is(code, 1000);
  assert.equal(before.map(describe), ['text before']);
  client.send(ping('no answer to this'), close(1000));
  await client.finished();
  client.end();
  await closing.quiet();
  assert.equal(refused, Array(5).fill('ERR_WS_CLOSED'));
});

limitSuite('F15 server sends text with opcode 1, bytes with opcode 2, FIN on the last fragment alone', async () => {
  await using small = await startServer(undefined, { fragmentSize: 4 });
  using client = await RawClient.open(small.port);
  client.send(text('0123456789'), binary(hex('01 02 03 04')), text('€€'));
  const frames = await client.frames(6);
  assert.equal(frames.slice(0, 4).map(describe), [
    'text without FIN 0123',
    'continuation without FIN 4567',
    'continuation 89',
    'binary 01020304',
  ]);
  // A fragment may end inside a character.
  assert.equal(
    frames.slice(4).map(({ opcode, fin }) => [opcode, fin]),
    [
      [1, false],
      [0, true],
    ],
  );
  assert.is(Buffer.concat(frames.slice(4).map(({ payload }) => payload)).toString(), '€€');
});

limitSuite.run();

const escapeSuite = suite('conformance · framing · escapes');

escapeSuite('nothing has escaped from any of these connections', () => assertNothingEscaped());

escapeSuite.run();
