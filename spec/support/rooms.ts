// What all examples of a framework have to do: rooms for those who are logged in, beside pages that stay the framework's own.

import type { Test } from 'uvu';
import * as assert from 'uvu/assert';
import { HandshakeError } from '../../lib/error.ts';
import { connect, type Session } from '../../lib/node.ts';
import { rejects } from './check.ts';
import { Example, type Page, type Runner } from './example.ts';
import { close, headerOf, RawClient, requestHead, text } from './raw-client.ts';
import { endOf } from './server.ts';
import { within } from './until.ts';

export interface RoomsOptions {
  /** The headers of a user, from what the login has answered. */
  readonly credentials: (login: Page) => Readonly<Record<string, string>>;
  /** The body of the page `/none`. */
  readonly notFound: RegExp;
  /** What runs it. Default: Node. */
  readonly runner?: Runner;
  /** More tests of it, while it is running. */
  readonly more?: (test: Test, example: () => Example) => void;
}

/** Credentials in a cookie. */
export function byCookie(login: Page): Record<string, string> {
  const cookies = login.headers.getSetCookie().map((cookie) => cookie.split(';')[0]);
  return { Cookie: cookies.join('; ') };
}

/** Credentials in a token. */
export function byToken(login: Page): Record<string, string> {
  return { Authorization: `Bearer ${(JSON.parse(login.body) as { token: string }).token}` };
}

/** Adds the tests to the suite of the example of that name. The last one stops it; `more` come before that. */
export function roomsOf(test: Test, name: string, { credentials, notFound, runner, more }: RoomsOptions): void {
  let example: Example;
  test.before(async () => {
    example = await Example.start(name, {}, runner);
  });
  test.after(() => example[Symbol.asyncDispose]());
  const logIn = async (user: string): Promise<Record<string, string>> => {
    const headers = { 'Content-Type': 'application/json' };
    const login = await example.page('/login', { method: 'POST', headers, body: JSON.stringify({ name: user }) });
    assert.ok(login.status === 200 || login.status === 204, `${login.status} ${login.body}`);
    return credentials(login);
  };
  const enter = async (room: string, user: string): Promise<Session> =>
    connect(example.url(`/rooms/${room}`), { headers: await logIn(user) });
  const heard = (session: Session): Promise<unknown> => within(session.receive(), 'a message');

  test(`${name}: pages, posts, middleware and 404 are the framework's, on one connection, while sockets are open`, async () => {
    const ada = await enter('green', 'Ada');
    const hello = await example.page('/');
    assert.equal([hello.status, hello.body], [200, 'hello']);
    const none = await example.page('/none');
    assert.is(none.status, 404);
    assert.match(none.body, notFound);
    const headers = await logIn('Bob');
    const room = await example.page('/rooms/red', { headers });
    assert.is(room.status, 200);
    assert.match(room.body, /Bob.*red/);
    const bad = await example.page('/login', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: '{"name":"<script>"}',
    });
    assert.is(bad.status, 400);
    for (const page of [hello, none, room]) assert.is(page.headers.get('x-served-by'), name);
    assert.equal(new Set([hello, none, room].map(({ localPort }) => localPort)).size, 1);
    assert.ok((await within(ada.close(), 'the close')).wasClean);
  });

  test(`${name}: who is not logged in is refused as the page refuses: status, headers and body`, async () => {
    const page = await example.page('/rooms/green');
    assert.is(page.status, 401);
    const refused = connect(example.url('/rooms/green'), {
      headers: { Cookie: 'session=forged', Authorization: 'Bearer x' },
    });
    const { status, headers, body } = (await rejects(refused, HandshakeError)) as HandshakeError;
    assert.equal([status, new TextDecoder().decode(body)], [401, page.body]);
    const fields = new Headers([...headers].map(([key, value]): [string, string] => [key, value]));
    for (const key of ['content-type', 'www-authenticate']) assert.is(fields.get(key), page.headers.get(key), key);
    assert.is(fields.get('connection'), 'close');
  });

  test(`${name}: those in a room hear each other by name, those in another do not; a name may be escaped`, async () => {
    const ada = await enter('gr%C3%BCn%20', 'Ada');
    const bob = await enter('gr%C3%BCn%20', 'Bob');
    const eve = await enter('red', 'Eve');
    await ada.send('hello');
    for (const session of [ada, bob]) assert.is(await heard(session), 'Ada: hello');
    await bob.send('hi');
    for (const session of [ada, bob]) assert.is(await heard(session), 'Bob: hi');
    await eve.send('anybody?');
    assert.is(await heard(eve), 'Eve: anybody?');
    await bob.close();
    await ada.send('alone');
    assert.is(await heard(ada), 'Ada: alone');
    for (const session of [ada, eve]) await within(session.close(), 'the close');
  });

  test(`${name}: a page and then a socket on one connection; a page pipelined before a socket is answered before it`, async () => {
    const headers = await logIn('Ada');
    using client = await RawClient.connect(example.port);
    const page = Buffer.from(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${example.port}\r\n\r\n`);
    const head = requestHead(example.port, { target: '/rooms/green', headers });
    client.send(page);
    assert.is((await client.response()).body, 'hello');
    client.send(page, page, head, text('early'));
    for (let count = 0; count < 2; count++) assert.is((await client.response()).body, 'hello');
    await client.accepted();
    client.send(close(1000));
    const { code, before } = await client.untilClose();
    assert.equal([code, before.map(({ payload }) => payload.toString())], [1000, ['Ada: early']]);
    client.end();
  });

  test(`${name}: another site's page is refused, and a path that is nobody's`, async () => {
    const headers = { ...(await logIn('Ada')), Origin: 'https://evil.example' };
    const foreign = (await rejects(
      connect(example.url('/rooms/green'), { headers }),
      HandshakeError,
    )) as HandshakeError;
    assert.equal([foreign.status, foreign.code], [403, 'ERR_WS_NOT_UPGRADED']);
    using client = await RawClient.connect(example.port);
    client.send(requestHead(example.port, { target: '/rooms/green/deeper' }));
    const response = await client.response();
    assert.ok(response.status === 404 || response.status === 400, `${response.status}`);
    assert.is(headerOf(response, 'connection'), 'close');
  });

  more?.(test, () => example);

  test(`${name}: told to stop, it closes its sessions with 1001 and ends; a connection that is kept does not hold it`, async () => {
    const ada = await enter('green', 'Ada');
    await example.page('/');
    await example.stop();
    const { closeCode, wasClean } = await endOf(ada);
    assert.equal([closeCode, wasClean], [1001, true]);
    await rejects(connect(example.url('/rooms/green')), HandshakeError, 'ERR_WS_UNREACHABLE');
  });
}
