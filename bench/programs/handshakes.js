// The load of the handshakes, in a process of its own: connections that are made, upgraded, closed and ended, so many at a time. Its bytes were made beforehand.

import { connect } from 'node:net';
import { closeFrame } from '../support/frames.js';
import { acceptOf, browserRequest } from '../support/handshake.js';
import { answer } from '../support/process.js';

const END_OF_HEAD = '\r\n\r\n';
const CLOSE = closeFrame(1000);
/** The close frame that comes back, not masked: FIN and its opcode, its length, 1000. */
const CLOSED = Buffer.of(0x88, 0x02, 0x03, 0xe8).toString('latin1');
/** A server that has not ended a connection in this time does something else than is measured. */
const PATIENCE = 5_000;

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const ACCEPT = acceptOf(KEY);

let port = 0;
let concurrent = 1;
/** @type {Buffer} */
let request;

/** One connection, from its beginning to its end. */
function visit() {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    let received = '';
    let end = 0;
    const fail = (/** @type {unknown} */ error) => {
      socket.destroy();
      reject(error);
    };
    socket.setTimeout(PATIENCE, () =>
      fail(new Error(`A server does not end a connection: ${JSON.stringify(received)}`)),
    );
    socket.on('error', fail);
    socket.on('connect', () => socket.write(request));
    socket.on('data', (chunk) => {
      received += chunk.latin1Slice();
      if (end > 0) return;
      end = received.indexOf(END_OF_HEAD) + END_OF_HEAD.length;
      if (end < END_OF_HEAD.length) {
        end = 0;
        return;
      }
      const head = received.slice(0, end);
      if (!head.startsWith('HTTP/1.1 101 ') || !head.includes(ACCEPT)) return fail(new Error(`Not upgraded: ${head}`));
      socket.write(CLOSE);
    });
    // The server ends first, as RFC 6455 §7.1.1 has it: no port of this side is kept.
    socket.on('close', () => {
      if (received.slice(end) === CLOSED) resolve(undefined);
      else reject(new Error(`Closed by something else: ${JSON.stringify(received)}`));
    });
  });
}

answer({
  start: (options) => {
    ({ port, concurrent } = options);
    request = Buffer.from(browserRequest(port, KEY));
  },
  check: () => visit(),
  run: async ({ count }) => {
    const begun = process.hrtime.bigint();
    let left = count;
    const work = async () => {
      while (left-- > 0) await visit();
    };
    await Promise.all(Array.from({ length: Math.min(concurrent, count) }, work));
    return { seconds: Number(process.hrtime.bigint() - begun) / 1e9 };
  },
});
