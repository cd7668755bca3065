// RFC 6455 §5.1 to §5.3 and §5.5, row by row of the checklist of requirements (F2 to F7, F14), over a real socket, each input as one write and
// byte by byte. The groups of cases are those of the Autobahn test suite.
//
// Left out: F1 and F3 bind a client.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { assertAnswered, assertFailed, describe, exchange } from '../support/exchange.ts';
import { hex } from '../support/hex.ts';
import { binary, close, continuation, masked, ping, pong, RawClient, text } from '../support/raw-client.ts';
import { assertNothingEscaped, startServer } from '../support/server.ts';

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

const escapeSuite = suite('conformance · framing · escapes');

escapeSuite('nothing has escaped from any of these connections', () => assertNothingEscaped());

escapeSuite.run();
