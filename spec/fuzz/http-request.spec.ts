// Requests with a few bytes changed, beside the parser of node:http: what both take for a request is the same one to both, in its head, its body and where it ends. Else one could
// be smuggled past the one in front.

import { createServer, type IncomingMessage, METHODS } from 'node:http';
import { Duplex } from 'node:stream';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ByteQueue } from '../../lib/bytes/byte-queue.ts';
import { HttpBodyDecoder } from '../../lib/handshake/http-body-decoder.ts';
import { findRequestFraming, HttpRequest } from '../../lib/handshake/http-request.ts';
import { fromLatin1, latin1 } from '../support/deliver-response.ts';
import { Random, runs } from '../support/random.ts';
import { turns } from '../support/until.ts';

const test = suite('fuzz · requests beside node:http');

interface Read {
  readonly method: string;
  readonly url: string;
  readonly headers: string[];
  readonly body: string;
}

/** What a parser made of the bytes: the requests that are whole. */
type Outcome = Read[];

function readOurs(bytes: Uint8Array): Outcome {
  const all: Outcome = [];
  for (let position = 0; position < bytes.byteLength; ) {
    const request = new HttpRequest({ maxHeadSize: 16_384, maxHeaders: 100 });
    position = request.push(bytes, position);
    const { head } = request;
    if (head === undefined) break;
    const framing = findRequestFraming(head);
    if (typeof framing === 'object') break;
    const decoder = new HttpBodyDecoder(framing, { maxOverhead: 16_384, isEndless: true });
    const data = new ByteQueue();
    position = decoder.read(bytes, position, data, Number.POSITIVE_INFINITY);
    if (!decoder.isDone || decoder.isCut) break;
    all.push({
      method: head.method,
      url: head.url,
      headers: [...head.headers].flat(),
      body: fromLatin1(data.join()),
    });
    // Behind these the connection is closed.
    if (head.httpVersion === '1.0' || head.headers.has('connection') || head.headers.has('upgrade')) break;
  }
  return all;
}

let inHand: { all: Outcome } = { all: [] };
const server = createServer({ requireHostHeader: false, joinDuplicateHeaders: false }, (request, response) => {
  const { all } = inHand;
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('error', () => {});
  request.on('end', () => {
    all.push(toRead(request, Buffer.concat(chunks).toString('latin1')));
    response.end();
  });
});
// What came before the fault is still told.
server.on('clientError', () => {});
server.on('checkExpectation', (request, response) => void server.emit('request', request, response));

function toRead({ method = '', url = '', rawHeaders }: IncomingMessage, body: string): Read {
  return { method, url, headers: [...rawHeaders], body };
}

async function readNodes(bytes: Uint8Array): Promise<Outcome> {
  inHand = { all: [] };
  const { all } = inHand;
  const socket = new Duplex({ read() {}, write: (_, __, done) => done(), allowHalfOpen: true });
  socket.on('error', () => {});
  server.emit('connection', socket);
  socket.push(Buffer.from(bytes));
  await turns(6);
  socket.destroy();
  return all;
}

const seeds = [
  'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
  'GET /a?b=c HTTP/1.1\r\nHost: x\r\nA: b\r\nA: \t c d \t\r\n\r\nGET /2 HTTP/1.1\r\nHost: y\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhelloGET /3 HTTP/1.1\r\nHost: x\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nT: v\r\n\r\nGET /4 HTTP/1.1\r\nHost: x\r\n\r\n',
  'PUT / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /5 HTTP/1.1\r\n\r\n',
  'POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\naGET /6 HTTP/1.1\r\n\r\n',
  'POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
];
const bits = [
  '\r',
  '\n',
  '\r\n',
  '\0',
  ' ',
  '\t',
  ':',
  ',',
  ';',
  '0',
  '1',
  'a',
  '\v',
  '\x7f',
  '\x80',
  '\xa0',
  '+',
  '-',
  'x',
];
const lines = [
  'Content-Length: 1\r\n',
  'Transfer-Encoding: chunked\r\n',
  ' folded\r\n',
  'Content-Length:\t5\r\n',
  '5\r\n',
];

function mutate(random: Random, text: string): string {
  let changed = text;
  for (let count = 1 + random.below(3); count > 0; count--) {
    const at = random.below(changed.length);
    const some = random.below(8) === 0 ? random.pick(lines) : random.pick(bits);
    const cut = random.below(3);
    changed = changed.slice(0, at) + (random.below(4) === 0 ? '' : some) + changed.slice(at + cut);
  }
  return changed;
}

// Methods that it does not know end its parsing; of values with control characters it may tell less.
function isComparable({ method, headers, url }: Read): boolean {
  const isPlain = headers.every((text) => /^[\t\x20-\x7e\x80-\xff]*$/.test(text));
  return METHODS.includes(method) && method !== 'CONNECT' && isPlain && url.startsWith('/');
}

test('what is a request to us and to node:http is the same one to both', async () => {
  const random = new Random();
  let same = 0;
  for (let run = runs(3000); run > 0; run--) {
    const text = run > seeds.length ? mutate(random, random.pick(seeds)) : (seeds[run - 1] as string);
    const ours = readOurs(latin1(text));
    const theirs = await readNodes(latin1(text));
    for (const [index, read] of ours.entries()) {
      if (!isComparable(read)) break;
      // It reads no body of such a request as we do, and answers none behind it.
      if (read.headers.some((name) => /^(?:upgrade|expect)$/i.test(name))) break;
      // What only one of the two takes harms nobody: it is told so. It takes no version over 1.1, no tab behind a length, and knows more of the grammar of extensions.
      if (theirs[index] === undefined && run > 4) break;
      assert.equal(theirs[index], read, `request ${index} of ${JSON.stringify(text)}`);
      same++;
    }
  }
  assert.ok(same > runs(3000) / 10, `${same} were compared`);
  server.close();
});

test.run();
