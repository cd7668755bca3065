// As tcp.js, over Deno's own sockets: what JavaScript can do there.

import { Answers, Arrivals } from '../../support/answers.js';
import { answerOf } from '../../support/handshake.js';

const [size = '64', type] = Deno.args;
const answers = new Answers(Number(size), type === 'text');
const latin1 = new TextDecoder('latin1');

/** @param {Deno.Conn} connection @param {Uint8Array} bytes */
async function write(connection, bytes) {
  for (let at = 0; at < bytes.byteLength; ) at += await connection.write(bytes.subarray(at));
}

/** @param {Deno.TcpConn} connection */
async function serve(connection) {
  connection.setNoDelay();
  const arrivals = new Arrivals(answers);
  const buffer = new Uint8Array(64 * 1024);
  let isUpgraded = false;
  for (let size = await connection.read(buffer); size !== null; size = await connection.read(buffer)) {
    if (isUpgraded) {
      /** @type {Uint8Array[]} */
      const pieces = [];
      answers.write({ write: (bytes) => pieces.push(bytes) }, arrivals.take(size));
      for (const piece of pieces) await write(connection, piece);
    } else {
      isUpgraded = true;
      await write(connection, new TextEncoder().encode(answerOf(latin1.decode(buffer.subarray(0, size)))));
    }
  }
}

const listener = Deno.listen({ hostname: '127.0.0.1', port: 0 });
console.log(`ready ${listener.addr.port}`);
for await (const connection of listener) serve(connection).catch(() => {});
