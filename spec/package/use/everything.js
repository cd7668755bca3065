// A project that has installed the package: it uses each of its entries, over sockets and in memory, and prints what came of it as one line of JSON.

import { createServer } from 'node:http';
import process from 'node:process';
import {
  attach,
  connect,
  FrameDecoderStream,
  FrameEncoderStream,
  HandshakeError,
  MessageAssemblerStream,
  MessageFragmenterStream,
  permessageDeflate,
  reconnect,
  serve,
  upgrade,
  WebSocketError,
  WebSocketStream,
} from 'millrace';
import { Endpoint } from 'millrace/core';
import * as node from 'millrace/node';
import { createPair } from 'millrace/testing';
import * as polyfill from 'web-streams-polyfill';

if (process.env.POLYFILL === '1') await import('millrace/polyfill');

const names = ['ReadableStream', 'WritableStream', 'TransformStream'];
const missing = names.filter((name) => globalThis[name] === undefined);
// What this program makes itself, it makes of what the platform has, where that has all.
const { ReadableStream, TransformStream } = missing.length > 0 ? polyfill : globalThis;
const told = { missing };

async function* all(readable) {
  const reader = readable.getReader();
  for (let result = await reader.read(); !result.done; result = await reader.read()) yield result.value;
}

// --- Over sockets ---
const echo = async (session) => {
  for await (const message of session) await session.send(message);
};
const server = await serve({ extensions: [permessageDeflate()] }, echo);
const session = await connect(server.url, { extensions: [permessageDeflate()] });
const long = 'millrace '.repeat(20_000);
void session.send(long);
told.deflated = [session.extensions, (await session.receive()) === long];
void session.send(Uint8Array.of(1, 2, 3));
told.binary = [...(await session.receive())];
told.closed = (await session.close(4000, 'done')).wasClean;

const stream = new WebSocketStream(server.url);
const { readable, writable } = await stream.opened;
const writer = writable.getWriter();
await writer.write('hello');
told.webSocketStream = (await readable.getReader().read()).value;
stream.close({ closeCode: 1000, reason: 'done' });
told.closeCode = (await stream.closed).closeCode;
told.kind = readable instanceof polyfill.ReadableStream ? 'polyfill' : 'platform';

const feed = reconnect(server.url);
await feed.send('again');
told.reconnected = await feed.receive();
await feed.close();

const piping = await serve({ messages: 'streamed' }, async (session) => {
  for await (const message of session) await session.send(message.body);
});
const piped = await connect(piping.url);
void piped.send(
  new ReadableStream({
    start(controller) {
      for (const part of ['st', 're', 'am']) controller.enqueue(part);
      controller.close();
    },
  }),
);
told.streamed = new TextDecoder().decode(
  await piped.receive().then((message) => (typeof message === 'string' ? new TextEncoder().encode(message) : message)),
);
await piped.close();
await piping.stop();

const through = await serve({}, (session) =>
  session.readable
    .pipeThrough(
      new (told.kind === 'polyfill' ? polyfill : globalThis).TransformStream({
        transform: (message, out) => out.enqueue(String(message).toUpperCase()),
      }),
    )
    .pipeTo(session.writable),
);
const shouting = await connect(through.url);
void shouting.send('loud');
told.pipeThrough = await shouting.receive();
await shouting.close();
await through.stop();

const http = createServer((_, response) => response.end('plain'));
await new Promise((resolve) => http.listen(0, '127.0.0.1', resolve));
const attached = attach(http, { path: '/chat/:room' }, (session) =>
  session.send(`in ${session.request?.parameters.room}`),
);
const visitor = await connect(`ws://127.0.0.1:${http.address().port}/chat/green`);
told.attached = await visitor.receive();
await visitor.closed;
told.refused = await connect(`ws://127.0.0.1:${http.address().port}/elsewhere`).catch((error) => [
  error instanceof HandshakeError,
  error.status,
]);
await attached.stop();
http.closeAllConnections();
await new Promise((resolve) => http.close(resolve));
told.stopped = (await server.stop()).cut;

// --- In memory ---
const up = new TransformStream();
const down = new TransformStream();
const job = upgrade(up.readable, down.writable, undefined, undefined, { handler: echo });
const client = upgrade(down.readable, up.writable, undefined, undefined, { role: 'client' });
void client.session.send('in memory');
told.upgraded = await client.session.receive();
await client.session.close();
await job.closed;
told.state = job.state;

const messages = new ReadableStream({
  start(controller) {
    controller.enqueue('Hello, transforms');
    controller.close();
  },
});
// Streams of this program may be of the other kind than those of the transforms: then they are crossed by hand.
const fragments = new MessageFragmenterStream({ fragmentSize: 5 });
const input = fragments.writable.getWriter();
void (async () => {
  for await (const message of all(messages)) await input.write(message);
  await input.close();
})();
const back = fragments.readable
  .pipeThrough(new FrameEncoderStream({ role: 'client' }))
  .pipeThrough(new FrameDecoderStream({ role: 'server' }))
  .pipeThrough(new MessageAssemblerStream());
told.transformed = [];
for await (const message of all(back)) told.transformed.push(message);

const endpoint = new Endpoint({ role: 'server' });
endpoint.send('core');
const pieces = [];
endpoint.takeOutput(pieces);
told.core = pieces.flatMap((piece) => [...piece]).length;

const pair = createPair({ server: { handler: echo } });
await pair.client.session.send('pair');
told.pair = await pair.client.session.receive();
await pair.client.session.close();

// In Bun the main entry is the one for Bun, elsewhere that for Node.
const own = 'bun' in process.versions ? await import('millrace/bun') : node;
told.same = own.serve === serve && new WebSocketError('x', { closeCode: 4000 }) instanceof DOMException;
console.log(JSON.stringify(told));
