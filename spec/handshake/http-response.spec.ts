// Responses as bytes: each whole, byte by byte and cut at random places.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HttpResponse } from '../../lib/handshake/http-response.ts';
import { defaultLimits } from '../../lib/limits.ts';
import { throws } from '../support/check.ts';
import { fromLatin1, latin1 } from '../support/deliver-response.ts';
import { codeOf, limitedTo, receive, type Seen, switching } from '../support/receive-response.ts';

const KIBI = 1024;

const good = suite('http-response · RFC 9112 a response that is well-formed');

good('nothing is known before the first bytes', () => {
  const nothing: Seen = {
    isDone: false,
    status: 0,
    headers: undefined,
    body: '',
    isCut: false,
    rest: undefined,
    fault: undefined,
  };
  assert.equal(receive(''), nothing);
  assert.equal(receive('HTTP/1.1 101 Switching'), nothing);
  assert.equal(receive('HTTP/1.1 101 Switching Protocols\r\nUpgrade: webso'), { ...nothing, status: 101 });
});

good('a 101 is done with its head', () => {
  assert.equal(receive(switching), {
    isDone: true,
    status: 101,
    headers: [
      ['Upgrade', 'websocket'],
      ['Connection', 'Upgrade'],
    ],
    body: '',
    isCut: false,
    rest: '',
    fault: undefined,
  });
  assert.is(receive(switching.slice(0, -1)).isDone, false);
});

good('what comes behind a 101 is kept, whatever its fields say of a body (RFC 9112 §6.3)', () => {
  const frames = '\x81\x05hello\r\n\r\n\x00\xff';
  assert.is(receive(`${switching}${frames}`).rest, frames);
  assert.is(receive(`HTTP/1.1 101\r\nContent-Length: 5\r\n\r\n${frames}`).rest, frames);
  assert.is(receive(`HTTP/1.1 101\r\nTransfer-Encoding: chunked\r\n\r\n${frames}`).rest, frames);
});

good('what comes behind is a view on the chunk, not a copy, and a plain Uint8Array', () => {
  const response = new HttpResponse({ limits: defaultLimits });
  const chunk = Buffer.concat([latin1(switching), new Uint8Array(1000)]);
  response.push(chunk);
  assert.is(response.rest.buffer, chunk.buffer);
  assert.is(response.rest.byteOffset, chunk.byteOffset + switching.length);
  assert.is(response.rest.byteLength, 1000);
  assert.is(response.rest.constructor, Uint8Array);
});

good('pushing behind a 101 is a mistake of the caller: frames must not be lost', () => {
  const response = new HttpResponse({ limits: defaultLimits });
  response.push(latin1(switching));
  throws(() => response.push(latin1('\x81\x05hello')), Error, /no HTTP/);
  response.end();
  assert.is(response.fault, undefined);
});

for (const line of ['HTTP/1.1 101', 'HTTP/1.1 101 ', 'HTTP/1.1 101 What \t"ever" \xe9\x80\x01', 'HTTP/1.1 101  101']) {
  good(`the reason phrase is not looked at: ${JSON.stringify(line)}`, () => {
    assert.is(receive(`${line}\r\n\r\n`).status, 101);
  });
}

for (const status of [200, 204, 301, 400, 401, 426, 503, 599, 600, 999]) {
  good(`a status ${status} is a response like any other`, () => {
    const seen = receive(`HTTP/1.1 ${status} X\r\nContent-Length: 0\r\n\r\n`);
    assert.equal([seen.status, seen.isDone, seen.fault], [status, true, undefined]);
  });
}

good(
  'fields keep their order, their case and their repetitions; white space around values is dropped (RFC 9112 §5)',
  () => {
    const { headers } = receive("HTTP/1.1 101 X\r\nA:1\r\nb: \t 2 2\t \r\nA:\r\nC:: d:\r\n!#$%&'*+-.^_`|~0:x\r\n\r\n");
    assert.equal(headers, [
      ['A', '1'],
      ['b', '2 2'],
      ['A', ''],
      ['C', ': d:'],
      ["!#$%&'*+-.^_`|~0", 'x'],
    ]);
  },
);

good('a character of a value is one byte: those over 0x7F pass unharmed, in the headers that stop others too', () => {
  const all = Array.from({ length: 128 }, (_, code) => String.fromCharCode(0x80 + code)).join('');
  for (const name of ['X', 'Sec-WebSocket-Protocol', 'Sec-WebSocket-Extensions']) {
    assert.equal(receive(`HTTP/1.1 101 X\r\n${name}: a${all}z\r\n\r\n`).headers, [[name, `a${all}z`]]);
  }
});

good('a response may be all that has no field', () => {
  assert.equal(receive('HTTP/1.1 101 X\r\n\r\n').headers, []);
});

good('names that a prototype has are names like any other', () => {
  const pairs = ['__proto__', 'constructor', 'hasOwnProperty', 'toString'].map((name): [string, string] => [name, 'x']);
  const response = new HttpResponse({ limits: defaultLimits });
  response.push(latin1(`HTTP/1.1 101 X\r\n${pairs.map(([name]) => `${name}: x\r\n`).join('')}\r\n`));
  assert.equal([...(response.headers ?? [])], pairs);
  assert.is(response.headers?.get('valueOf'), undefined);
});

good('1xx responses before the final one are passed over, with their fields (RFC 9110 §15.2)', () => {
  const hints = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 5\r\n\r\n';
  const seen = receive(`HTTP/1.1 100 Continue\r\n\r\n${hints}${hints}${switching}rest`);
  assert.equal(seen, { ...receive(switching), rest: 'rest' });
  assert.equal(receive(hints), receive(''));
  assert.is(receive(`${hints}HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno`).body, 'no');
});

good.run();

const bodies = suite('http-response · RFC 9112 §6 a body');

bodies('one with Content-Length is done with its last byte', () => {
  const text = 'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: 5\r\n\r\nhello';
  assert.equal(receive(`${text}HTTP/1.1 200 another`), {
    isDone: true,
    status: 401,
    headers: [
      ['WWW-Authenticate', 'Bearer'],
      ['Content-Length', '5'],
    ],
    body: 'hello',
    isCut: false,
    rest: undefined,
    fault: undefined,
  });
  assert.is(receive(text.slice(0, -1)).isDone, false);
});

bodies('one in chunks is joined', () => {
  const seen = receive('HTTP/1.1 503 X\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nno!\r\n0\r\n\r\n');
  assert.equal([seen.isDone, seen.body, seen.isCut], [true, 'no!', false]);
});

bodies('one without either is done when the transport ends', () => {
  const text = 'HTTP/1.1 200 OK\r\n\r\nnot a WebSocket';
  assert.is(receive(text).isDone, false);
  const seen = receive(text, { end: true });
  assert.equal([seen.isDone, seen.body, seen.isCut], [true, 'not a WebSocket', false]);
});

bodies('204 and 304 have none', () => {
  for (const status of [204, 304]) {
    const seen = receive(`HTTP/1.1 ${status} X\r\nContent-Length: 5\r\n\r\nhello`);
    assert.equal([seen.isDone, seen.body, seen.isCut], [true, '', false]);
  }
});

bodies('one that the transport cuts is recorded as incomplete, and no fault (RFC 9112 §8)', () => {
  for (const field of ['Content-Length: 100', 'Transfer-Encoding: chunked']) {
    const seen = receive(`HTTP/1.1 503 X\r\n${field}\r\n\r\n5\r\nhello`, { end: true });
    assert.equal([seen.isDone, seen.isCut, seen.fault], [true, true, undefined]);
    assert.ok(seen.body.endsWith('hello'));
  }
});

bodies('64 KiB of it are kept, and the rest is not waited for', () => {
  const full = 'x'.repeat(64 * KIBI);
  for (const field of ['X: until the end', 'Content-Length: 9999999999999999999999', 'Content-Length: 65537']) {
    const seen = receive(`HTTP/1.1 200 OK\r\n${field}\r\n\r\n${full}`);
    assert.equal([seen.isDone, seen.isCut, seen.body === full], [true, true, true]);
  }
  const exact = receive(`HTTP/1.1 200 OK\r\nContent-Length: 65536\r\n\r\n${full}`);
  assert.equal([exact.isDone, exact.isCut, exact.body === full], [true, false, true]);
});

bodies('what comes when all is done is not looked at', () => {
  const response = new HttpResponse({ limits: defaultLimits });
  response.push(latin1('HTTP/1.1 403 X\r\nContent-Length: 1\r\n\r\na'));
  response.push(latin1('\0\n'));
  response.end();
  assert.equal([response.fault, fromLatin1(response.body)], [undefined, 'a']);
});

bodies('a fault of it has the status, the headers and what had come of it', () => {
  const head = 'HTTP/1.1 401 X\r\nTransfer-Encoding: chunked\r\n\r\n';
  const seen = receive(`${head}3\r\nabc\r\nx\r\n`);
  assert.is(codeOf(seen), 'ERR_WS_RESPONSE_MALFORMED');
  assert.equal(seen.fault?.slice(2), [401, [['Transfer-Encoding', 'chunked']], 'abc']);
  assert.equal([seen.body, seen.isCut], ['abc', true]);
});

for (const fields of [
  'Content-Length: 5\r\nContent-Length: 5',
  'Content-Length: 5, 5',
  'Content-Length: -1',
  'Content-Length: 5\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding: chunked, gzip',
]) {
  bodies(`a length that cannot be told is a fault: ${JSON.stringify(fields)}`, () => {
    const seen = receive(`HTTP/1.1 401 X\r\n${fields}\r\n\r\nhello`);
    assert.is(codeOf(seen), 'ERR_WS_RESPONSE_MALFORMED');
    assert.is(seen.fault?.[2], 401);
    assert.is(seen.headers?.length, fields.split('\r\n').length);
  });
}

bodies.run();

const connecting = suite('http-response · RFC 9112 §6.3 the answer to a CONNECT');

connecting('any 2xx ends HTTP, and what comes behind it is kept', () => {
  for (const status of [200, 204, 299]) {
    const text = `HTTP/1.1 ${status} OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n\x16\x03\x01`;
    const seen = receive(text, { method: 'CONNECT' });
    assert.equal([seen.isDone, seen.status, seen.rest], [true, status, '\x16\x03\x01']);
  }
});

connecting('any other has its body', () => {
  const text = 'HTTP/1.1 407 X\r\nContent-Length: 2\r\n\r\nno';
  assert.equal(receive(text, { method: 'CONNECT' }), receive(text));
  assert.is(receive('HTTP/1.1 300 X\r\nContent-Length: 2\r\n\r\nno', { method: 'CONNECT' }).body, 'no');
});

connecting('it may be of HTTP/1.0, as many proxies write it, but of no other version', () => {
  const seen = receive('HTTP/1.0 200 Connection established\r\n\r\nx', { method: 'CONNECT' });
  assert.equal([seen.status, seen.rest], [200, 'x']);
  const refused = receive('HTTP/1.0 403 X\r\n\r\nno', { method: 'CONNECT', end: true });
  assert.equal([refused.status, refused.body, refused.fault], [403, 'no', undefined]);
  const later = receive('HTTP/1.2 200 OK\r\n\r\n', { method: 'CONNECT' });
  assert.is(codeOf(later), 'ERR_WS_RESPONSE_MALFORMED');
});

connecting.run();

const growth = suite('http-response · the work grows as the response does');

/** A chunk that counts each byte that is read of it by its index. */
function counted(chunk: Uint8Array, count: (steps: number) => void): Uint8Array {
  return new Proxy(chunk, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof value === 'number' && typeof key === 'string' && /^\d+$/.test(key)) count(1);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** How many bytes are looked at, copied and decoded until a response has been read, cut into chunks of that size. */
function countSteps(text: string, chunkSize: number): number {
  const bytes = latin1(text);
  const { set, slice } = Uint8Array.prototype;
  const { fromCharCode } = String;
  let steps = 0;
  const response = new HttpResponse(limitedTo(10_000_000, 1_000_000));
  try {
    Uint8Array.prototype.set = function (source, offset) {
      steps += source.length;
      set.call(this, source, offset);
    };
    Uint8Array.prototype.slice = function (start, end) {
      const copy = slice.call(this, start, end);
      steps += copy.length;
      return copy as Uint8Array<ArrayBuffer>;
    };
    String.fromCharCode = (...codes) => {
      steps += codes.length;
      return fromCharCode(...codes);
    };
    for (let start = 0; start < bytes.byteLength && !response.isDone; start += chunkSize) {
      const chunk = bytes.subarray(start, start + chunkSize);
      response.push(counted(chunk, (more) => (steps += more)));
    }
  } finally {
    Uint8Array.prototype.set = set;
    Uint8Array.prototype.slice = slice;
    String.fromCharCode = fromCharCode;
  }
  assert.ok(response.isDone);
  assert.is(response.fault, undefined);
  return steps;
}

const shapes: [what: string, make: (size: number) => string][] = [
  ['one long value', (size) => `HTTP/1.1 101 X\r\nA: ${'x'.repeat(size)}\r\n\r\n`],
  ['a value of white space', (size) => `HTTP/1.1 101 X\r\nA: x${' '.repeat(size)}x\r\n\r\n`],
  ['a long reason phrase', (size) => `HTTP/1.1 101 ${' '.repeat(size)}\r\n\r\n`],
  ['many fields', (size) => `HTTP/1.1 101 X\r\n${'A: b\r\n'.repeat(size / 6)}\r\n`],
  ['many interim responses', (size) => 'HTTP/1.1 100 X\r\n\r\n'.repeat(size / 18) + switching],
  ['a body', (size) => `HTTP/1.1 200 X\r\nContent-Length: ${size}\r\n\r\n${'x'.repeat(size)}`],
  [
    'a body in chunks',
    (size) => `HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n${'1\r\nx\r\n'.repeat(size / 6)}0\r\n\r\n`,
  ],
];

for (const [what, make] of shapes) {
  growth(`${what} is looked at a bounded number of times, however it is cut`, () => {
    for (const chunkSize of [1, 7, 100_000]) {
      for (const size of [1000, 8000, 60_000]) {
        const text = make(size);
        const steps = countSteps(text, chunkSize);
        assert.ok(steps <= 5 * text.length + 1000, `${steps} steps for ${text.length} bytes by ${chunkSize}`);
        assert.ok(steps >= size / 10, 'the steps are seen');
      }
    }
  });
}

growth('64 KiB of spaces in each place are read in one pass', () => {
  const spaces = ' \t'.repeat(32 * KIBI);
  const wide = limitedTo(1_000_000);
  assert.equal(receive(`HTTP/1.1 101 X\r\nA: ${spaces}b${spaces}\r\n\r\n`, wide).headers, [['A', 'b']]);
  assert.is(codeOf(receive(`HTTP/1.1 101 X\r\nA${spaces}: b\r\n\r\n`, wide)), 'ERR_WS_RESPONSE_MALFORMED');
  assert.is(codeOf(receive(`HTTP/1.1${spaces}101 X\r\n\r\n`, wide)), 'ERR_WS_RESPONSE_MALFORMED');
  assert.is(receive(`HTTP/1.1 401 X\r\nContent-Length: ${spaces}2${spaces}\r\n\r\nno`, wide).body, 'no');
  assert.is(
    codeOf(receive(`HTTP/1.1 401 X\r\nTransfer-Encoding: gzip${spaces}chunked\r\n\r\n`, wide)),
    'ERR_WS_RESPONSE_MALFORMED',
  );
});

growth.run();
