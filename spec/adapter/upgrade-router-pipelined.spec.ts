// An upgrade behind other requests of its connection. (Bun hands an upgrade that is pipelined behind an unanswered request to the application as a page: there is nothing to
// be seen of it here.)

import { createServer, type Server, type ServerResponse } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { attach } from '../../lib/node.ts';
import { open } from '../support/house.ts';
import { close, headerOf, RawClient, requestHead, text } from '../support/raw-client.ts';
import { assertNothingEscaped, echo } from '../support/server.ts';
import { turns, until } from '../support/until.ts';

const before = suite('attach · an upgrade behind other requests of its connection');

/** A server whose pages are answered when the spec says so. */
function slow(): { server: Server; answers: ServerResponse[] } {
  const answers: ServerResponse[] = [];
  return { server: createServer((_, response) => void answers.push(response)), answers };
}

const page = (target = '/page'): Buffer => Buffer.from(`GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);

before('an upgrade on a kept connection, behind a page and its answer, is one like any other', async () => {
  await using house = await open(createServer((_, response) => void response.end('a page')));
  house.keep(attach(house.server, { path: '/ours' }, echo));
  using client = await RawClient.connect(house.port);
  for (let count = 0; count < 3; count++) {
    client.send(page());
    assert.is((await client.response()).body, 'a page');
  }
  client.send(requestHead(house.port, { target: '/ours' }));
  await client.accepted();
  client.send(text('hello'), close(1000));
  const { code, before } = await client.untilClose();
  assert.equal([code, before[0]?.payload.toString()], [1000, 'hello']);
});

before('one that is pipelined behind unanswered pages is answered behind them, with the frames that came', async () => {
  const { server, answers } = slow();
  await using house = await open(server);
  const site = house.keep(attach(house.server, { path: '/ours' }, echo));
  using client = await RawClient.connect(house.port);
  const head = requestHead(house.port, { target: '/ours' });
  client.send(page('/1'), page('/2'), page('/3'), head, text('early'));
  await until(() => answers.length === 3, 'all pages are asked for');
  await turns(10);
  assert.equal([client.buffered, site.counters.upgraded], [0, 0]);
  // The last one first: the order on the wire is that of the requests.
  for (const [index, response] of [...answers.entries()].reverse()) response.end(`page ${index + 1}`);
  for (const body of ['page 1', 'page 2', 'page 3']) assert.is((await client.response()).body, body);
  await client.accepted();
  client.send(text('late'), close(1000));
  const frames = (await client.untilClose()).before;
  assert.equal(
    frames.map(({ payload }) => payload.toString()),
    ['early', 'late'],
  );
});

before('RFC 9112 §9.6: behind a response that says "close", no upgrade is processed', async () => {
  const { server, answers } = slow();
  await using house = await open(server);
  const site = house.keep(attach(house.server, { path: '/ours' }, echo));
  using client = await RawClient.connect(house.port);
  client.send(page(), requestHead(house.port, { target: '/ours' }), text('early'));
  await until(() => answers.length === 1, 'the page is asked for');
  answers[0]?.setHeader('Connection', 'close').end('the last page');
  const response = await client.response();
  assert.equal([response.body, headerOf(response, 'connection')], ['the last page', 'close']);
  await client.finished();
  assert.is(site.counters.upgraded, 0);
});

before('a client that goes away while a page before is unanswered leaves nothing behind', async () => {
  const { server, answers } = slow();
  await using house = await open(server);
  const site = house.keep(attach(house.server, { path: '/ours' }, echo));
  for (const leave of ['end', 'reset'] as const) {
    using client = await RawClient.connect(house.port);
    client.send(page(), requestHead(house.port, { target: '/ours' }));
    await until(() => answers.length === 1, 'the page is asked for');
    client[leave]();
    if (leave === 'reset') await until(() => answers[0]?.socket?.destroyed !== false, 'the reset has come');
    answers.pop()?.end('too late');
  }
  await until(() => site.counters.open === 0, 'no session is left');
});

before('one that waits behind a page when the site stops is refused with 503, in its turn', async () => {
  const { server, answers } = slow();
  await using house = await open(server);
  const site = attach(house.server, { path: '/ours' }, echo);
  using client = await RawClient.connect(house.port);
  client.send(page(), requestHead(house.port, { target: '/ours' }));
  await until(() => answers.length === 1, 'the page is asked for');
  await site.stop();
  answers[0]?.end('a page');
  assert.is((await client.response()).body, 'a page');
  assert.is((await client.response()).status, 503);
  await client.finished();
});

before('Upgrade: h2c, pipelined behind an unanswered page, is answered behind it and breaks nothing', async () => {
  const { server, answers } = slow();
  await using house = await open(server);
  house.keep(attach(house.server, { path: '/ours' }, echo));
  using client = await RawClient.connect(house.port);
  client.send(page(), requestHead(house.port, { target: '/other', headers: { Upgrade: 'h2c' } }));
  await until(() => answers.length === 1, 'the page is asked for');
  answers[0]?.end('a page');
  assert.is((await client.response()).body, 'a page');
  await until(() => answers.length === 2, 'the other is handed on');
  answers[1]?.end('another');
  assert.is((await client.response()).body, 'another');
  await client.finished();
});

before('an upgrade for nobody, pipelined behind an unanswered page, is refused behind it', async () => {
  const { server, answers } = slow();
  await using house = await open(server);
  house.keep(attach(house.server, { path: '/ours' }, echo));
  using client = await RawClient.connect(house.port);
  client.send(page(), requestHead(house.port, { target: '/none' }));
  await until(() => answers.length === 1, 'the page is asked for');
  answers[0]?.end('a page');
  assert.is((await client.response()).body, 'a page');
  assert.is((await client.response()).status, 404);
  await client.finished();
});

before('nothing has escaped in all of this', async () => {
  await assertNothingEscaped();
});
before.run();
