// How the end of a body is told, and how much of it is waited for.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findBodyFraming, HttpBody, MAX_BODY_SIZE, MAX_CHUNK_OVERHEAD } from '../../lib/handshake/http-body.ts';
import type { BodyFraming } from '../../lib/handshake/http-body-decoder.ts';
import { HeaderFields } from '../../lib/handshake/http-head.ts';
import { deliver, fromLatin1, latin1 } from '../support/deliver-response.ts';

const KIBI = 1024;

interface Read {
  readonly body: string;
  readonly isDone: boolean;
  readonly isCut: boolean;
  readonly fault: string | undefined;
}

class Reader {
  readonly body: HttpBody;

  constructor(framing: BodyFraming) {
    this.body = new HttpBody(framing);
  }

  get isDone(): boolean {
    return this.body.isDone;
  }

  push(chunk: Uint8Array): void {
    this.body.read(chunk, 0);
  }

  end(): void {
    this.body.end();
  }
}

function read(framing: BodyFraming, text: string, hasEnd = false): Read {
  const look = ({ body }: Reader): Read => {
    const { isDone, isCut, fault } = body;
    return { body: fromLatin1(body.take()), isDone, isCut, fault };
  };
  return deliver(text, () => new Reader(framing), look, hasEnd);
}

function whole(body: string): Read {
  return { body, isDone: true, isCut: false, fault: undefined };
}

function cut(body: string): Read {
  return { body, isDone: true, isCut: true, fault: undefined };
}

function waiting(body: string): Read {
  return { body, isDone: false, isCut: false, fault: undefined };
}

const framing = suite('http-body · RFC 9112 §6.3 the end of a body');

function find(status: number, ...pairs: [string, string][]): BodyFraming | undefined {
  return findBodyFraming(status, new HeaderFields(pairs));
}

framing('without a field that tells it a body ends with the transport', () => {
  assert.is(find(403), 'until-end');
});

framing('204, 304 and 1xx have no body, whatever their fields say', () => {
  for (const status of [100, 103, 204, 304]) {
    assert.is(find(status), 0);
    assert.is(find(status, ['Content-Length', '5']), 0);
    assert.is(find(status, ['Transfer-Encoding', 'chunked']), 0);
  }
});

framing('Content-Length is a decimal number of bytes', () => {
  assert.is(find(403, ['content-length', '0']), 0);
  assert.is(find(403, ['Content-Length', ' 0123\t']), 123);
  assert.is(find(403, ['Content-Length', '9'.repeat(400)]), Number.POSITIVE_INFINITY);
});

for (const length of ['', '-1', '+1', '1.0', '0x10', '1e3', '5, 5', '5 5', 'five', '５']) {
  framing(`Content-Length: ${JSON.stringify(length)} is malformed`, () => {
    assert.is(find(403, ['Content-Length', length]), undefined);
  });
}

framing('Content-Length that is there twice is malformed', () => {
  assert.is(find(403, ['Content-Length', '5'], ['Content-Length', '5']), undefined);
});

framing('Transfer-Encoding with chunked at its end is the chunked coding, in any case', () => {
  assert.is(find(403, ['Transfer-Encoding', 'chunked']), 'chunked');
  assert.is(find(403, ['Transfer-Encoding', 'Chunked, ']), 'chunked');
  assert.is(find(403, ['Transfer-Encoding', 'gzip, chunked']), 'chunked');
  assert.is(find(403, ['Transfer-Encoding', 'gzip'], ['transfer-encoding', 'CHUNKED']), 'chunked');
});

framing('Transfer-Encoding without chunked ends with the transport', () => {
  assert.is(find(403, ['Transfer-Encoding', 'gzip']), 'until-end');
});

for (const codings of ['', ',', 'chunked, gzip', 'chunked, chunked', 'a b', '"chunked"', 'chunked;q=1', '\vchunked']) {
  framing(`Transfer-Encoding: ${JSON.stringify(codings)} is malformed`, () => {
    assert.is(find(403, ['Transfer-Encoding', codings]), undefined);
  });
}

framing('Transfer-Encoding and Content-Length contradict each other', () => {
  assert.is(find(403, ['Transfer-Encoding', 'chunked'], ['Content-Length', '5']), undefined);
});

framing.run();

const plain = suite('http-body · a body of a length, and one until the end');

plain('a body of a length is done with its last byte', () => {
  assert.equal(read(5, 'hell'), waiting('hell'));
  assert.equal(read(5, 'hello'), whole('hello'));
  assert.equal(read(5, 'hello, world'), whole('hello'));
});

plain('one of no length is done at once', () => {
  assert.equal(read(0, ''), whole(''));
  assert.equal(read(0, 'hello'), whole(''));
});

plain('one that the transport cuts is cut (RFC 9112 §8)', () => {
  assert.equal(read(5, 'hell', true), cut('hell'));
  assert.equal(read(5, '', true), cut(''));
});

plain('one until the end is whole when the transport ends', () => {
  assert.equal(read('until-end', 'hello'), waiting('hello'));
  assert.equal(read('until-end', 'hello', true), whole('hello'));
  assert.equal(read('until-end', '', true), whole(''));
});

plain('64 KiB are kept, and more is not waited for', () => {
  assert.is(MAX_BODY_SIZE, 64 * KIBI);
  const full = 'x'.repeat(MAX_BODY_SIZE);
  assert.equal(read(MAX_BODY_SIZE, full), whole(full));
  assert.equal(read(MAX_BODY_SIZE + 1, full), cut(full));
  assert.equal(read(Number.POSITIVE_INFINITY, `${full}y`), cut(full));
  assert.equal(read('until-end', full.slice(1)), waiting(full.slice(1)));
  assert.equal(read('until-end', full), cut(full));
  assert.equal(read('until-end', `${full}y`, true), cut(full));
});

plain('no more than what is kept is held of a large chunk', () => {
  const body = new HttpBody('until-end');
  body.read(new Uint8Array(4 * KIBI * KIBI), 0);
  const bytes = body.take();
  assert.is(bytes.byteLength, MAX_BODY_SIZE);
  assert.ok(bytes.buffer.byteLength <= 2 * MAX_BODY_SIZE);
});

plain('reading begins at the position that is given', () => {
  const body = new HttpBody(3);
  body.read(latin1('head|abc'), 5);
  assert.is(fromLatin1(body.take()), 'abc');
});

plain.run();

const chunked = suite('http-body · RFC 9112 §7.1 the chunked coding');

chunked('chunks are joined, and the last one ends them', () => {
  assert.equal(read('chunked', '5\r\nhello\r\n7\r\n, world\r\n0\r\n\r\n'), whole('hello, world'));
  assert.equal(read('chunked', '0\r\n\r\n'), whole(''));
});

chunked('a size is hexadecimal in any case, with zeros before it too', () => {
  assert.equal(
    read('chunked', `A\r\n${'x'.repeat(10)}\r\n00a\r\n${'y'.repeat(10)}\r\n000\r\n\r\n`),
    whole('xxxxxxxxxxyyyyyyyyyy'),
  );
});

chunked('what stands in a chunk is no line, whatever it looks like', () => {
  assert.equal(read('chunked', '8\r\n\r\n0\r\n\r\n\n\r\n0\r\n\r\n'), whole('\r\n0\r\n\r\n\n'));
});

chunked('what follows is not looked at', () => {
  assert.equal(read('chunked', '1\r\na\r\n0\r\n\r\n\0\n garbage'), whole('a'));
});

chunked('extensions are ignored (§7.1.1), and trailers passed over (§7.1.2)', () => {
  assert.equal(read('chunked', '2;a=b\r\nhi\r\n1 ; c="\xff"\r\n!\r\n0;d\r\nA: 1\r\nB: 2\r\n\r\n'), whole('hi!'));
});

chunked('one that the transport cuts is cut, wherever', () => {
  const text = '2\r\nhi\r\n3\r\nyou\r\n0\r\nA: 1\r\n\r\n';
  for (let length = 0; length < text.length; length++) {
    const { isDone, isCut, fault, body } = read('chunked', text.slice(0, length), true);
    assert.equal([isDone, isCut, fault, 'hiyou'.startsWith(body)], [true, true, undefined, true], String(length));
  }
});

const malformed: [what: string, text: string, body: string][] = [
  ['an empty size', '\r\nhi\r\n', ''],
  ['a size with a sign', '+2\r\nhi\r\n', ''],
  ['a size with a prefix', '0x2\r\nhi\r\n', ''],
  ['a size with a space before it', ' 2\r\nhi\r\n', ''],
  ['a size with a space behind it', '2 \r\nhi\r\n', ''],
  ['a size that is no number', '2g\r\nhi\r\n', ''],
  ['a size of 14 digits', `${'0'.repeat(13)}2\r\nhi\r\n`, ''],
  ['a size that ends in LF', '2\nhi\r\n', ''],
  ['a size with NUL', '2\0\r\nhi\r\n', ''],
  ['a chunk that is longer than its size', '2\r\nhi!\r\n', 'hi'],
  ['a chunk that ends in LF', '2\r\nhi\n0\r\n\r\n', 'hi'],
  ['a chunk without an end', '2\r\nhi0\r\n\r\n', 'hi'],
  ['a trailer that ends in LF', '2\r\nhi\r\n0\r\nA: 1\n\r\n', 'hi'],
];

for (const [what, text, body] of malformed) {
  chunked(`${what} is a fault, and what came before it is kept`, () => {
    const result = read('chunked', text);
    assert.is(typeof result.fault, 'string');
    assert.equal({ ...result, fault: undefined }, cut(body));
    assert.equal(read('chunked', `${text}0\r\n\r\n`, true), result, 'nothing mends it');
  });
}

chunked('64 KiB are kept, in one chunk or in many', () => {
  const full = 'x'.repeat(MAX_BODY_SIZE);
  assert.equal(read('chunked', `10000\r\n${full}`), cut(full));
  assert.equal(read('chunked', `10001\r\n${full}y\r\n0\r\n\r\n`), cut(full));
  assert.equal(read('chunked', `1fffffffffffff\r\n${full}`).fault, 'a size of the chunked coding is malformed');
  assert.equal(read('chunked', `fffffffffffff\r\n${full}`), cut(full));
  assert.equal(read('chunked', `400\r\n${'x'.repeat(KIBI)}\r\n`.repeat(65)), cut(full));
});

chunked('what the coding itself takes has a limit too: beyond it the body is cut', () => {
  const flood = `1;${'e'.repeat(1000)}\r\nx\r\n`;
  const { body, isCut, isDone } = read('chunked', flood.repeat(100));
  assert.equal([isDone, isCut, body], [true, true, 'x'.repeat(65)]);
  assert.equal(read('chunked', `0\r\nA: ${'a'.repeat(MAX_CHUNK_OVERHEAD)}`), cut(''));
  assert.equal(read('chunked', '0'.repeat(MAX_CHUNK_OVERHEAD + 1)), cut(''));
});

chunked.run();
