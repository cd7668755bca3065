// The asynchronous half of WebSocketUpgrade: hooks behind the rules.

import { AsyncLocalStorage } from 'node:async_hooks';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Refusal } from '../../lib/job/refusal.ts';
import { type DecideOptions, WebSocketUpgrade } from '../../lib/job/web-socket-upgrade.ts';
import { rejects, throws } from '../support/check.ts';
import { turns } from '../support/clock.ts';
import { watchEscapes } from '../support/pair.ts';

const { seen } = watchEscapes();

function head(more: [string, string][] = []): { method: string; url: string; headers: [string, string][] } {
  return {
    method: 'GET',
    url: '/chat',
    headers: [
      ['Host', 'example.com'],
      ['Upgrade', 'websocket'],
      ['Connection', 'Upgrade'],
      ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
      ['Sec-WebSocket-Version', '13'],
      ...more,
    ],
  };
}

function decide<C>(options: DecideOptions<C>, more: [string, string][] = []): Promise<WebSocketUpgrade<C>> {
  return WebSocketUpgrade.decide(head(more), options);
}

function streamsOf<C>(upgrade: WebSocketUpgrade<C>): ReturnType<WebSocketUpgrade<C>['upgrade']> {
  return upgrade.upgrade(new ReadableStream(), new WritableStream());
}

const admit = suite('WebSocketUpgrade.decide · admit');

admit('without hooks it is as the constructor', async () => {
  assert.is((await decide({})).status, 101);
  assert.is((await decide({}, [['Origin', 'https://evil.example']])).status, 403);
});

admit('the hook sees the request and gives the session its context, typed', async () => {
  const upgrade = await decide(
    {
      admit: async (request) => {
        await turns(1);
        return { user: request.headers.get('authorization'), path: request.url };
      },
    },
    [['Authorization', 'me']],
  );
  assert.is(upgrade.status, 101);
  const { session } = streamsOf(upgrade);
  const user: string | undefined = session.context.user;
  assert.equal([user, session.context.path], ['me', '/chat']);
  session.job.cancel();
});

admit('a refusal has any status, headers and body', async () => {
  const upgrade = await decide({
    admit: () =>
      new Refusal(401, {
        headers: [
          ['WWW-Authenticate', 'Bearer'],
          ['Content-Type', 'application/json'],
        ],
        body: '{"error":"who?"}',
      }),
  });
  assert.equal([upgrade.status, upgrade.error?.code, upgrade.body], [401, 'ERR_WS_REFUSED', '{"error":"who?"}']);
  const response = new TextDecoder().decode(upgrade.response());
  assert.ok(response.startsWith('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n'));
  assert.ok(response.includes('Content-Length: 16\r\n') && response.includes('WWW-Authenticate: Bearer\r\n'));
  assert.is(response.split('Content-Type').length, 2);
  throws(() => streamsOf(upgrade), TypeError, /401/);
});

admit('a refusal that could inject, or is none, is refused itself', () => {
  throws(() => new Refusal(401, { headers: [['X', 'a\r\nSet-Cookie: b']] }), TypeError);
  throws(() => new Refusal(401, { headers: [['Upgrade', 'x']] }), TypeError);
  throws(() => new Refusal(200), RangeError);
  throws(() => new Refusal(101), RangeError);
});

admit('a refusal from a response has its status, header fields and body, but those of its connection', async () => {
  const headers = new Headers([
    ['WWW-Authenticate', 'Bearer'],
    ['Set-Cookie', 'a=1'],
    ['Set-Cookie', 'b=2'],
    ['Content-Type', 'application/json; charset=utf-8'],
    ['Content-Length', '999'],
    ['Connection', 'keep-alive'],
    ['Keep-Alive', 'timeout=5'],
    ['Transfer-Encoding', 'chunked'],
    ['Upgrade', 'h2c'],
    ['Sec-WebSocket-Accept', 'forged'],
  ]);
  const response = new Response('{"error":"wer bist dü?"}', { status: 401, headers });
  const upgrade = await decide({ admit: () => Refusal.from(response) });
  const lines = new TextDecoder().decode(upgrade.response()).split('\r\n');
  assert.is(lines[0], 'HTTP/1.1 401 Unauthorized');
  assert.is(lines.at(-1), '{"error":"wer bist dü?"}');
  assert.equal(
    lines
      .slice(1, -2)
      .map((line) => line.toLowerCase())
      .sort(),
    [
      'connection: close',
      'content-length: 25',
      'content-type: application/json; charset=utf-8',
      'set-cookie: a=1',
      'set-cookie: b=2',
      'www-authenticate: bearer',
    ],
  );
});

admit('a refusal from a redirect is one; an empty body stays empty, a compressed one is left out', async () => {
  const moved = await decide({ admit: () => Refusal.from(Response.redirect('https://example.com/login', 303)) });
  assert.equal([moved.status, moved.body], [303, '']);
  assert.ok(moved.headers.some(([name, value]) => name === 'location' && value === 'https://example.com/login'));
  const headers = { 'Content-Encoding': 'gzip', 'Content-Type': 'text/html', 'X-Why': 'because' };
  const packed = await decide({ admit: () => Refusal.from(new Response('\u001f\u008b', { status: 403, headers })) });
  assert.equal([packed.status, packed.body], [403, 'The upgrade was refused\n']);
  const names = packed.headers.map(([name]) => name.toLowerCase()).sort();
  assert.equal(names, ['connection', 'content-length', 'content-type', 'x-why']);
});

admit('a refusal from a response that is no refusal, or whose body fails, is a 500 that is reported', async () => {
  const failing = { status: 401, headers: new Headers(), text: () => Promise.reject(new Error('no body')) };
  for (const [response, message] of [
    [new Response('fine'), /status 200/],
    [failing, /no body/],
  ] as const) {
    const errors: unknown[] = [];
    const upgrade = await decide({
      admit: () => Refusal.from(response),
      userContext: { onError: (error) => errors.push(error) },
    });
    assert.is(upgrade.status, 500);
    assert.match((errors[0] as Error).message, message);
  }
});

admit('a hook that throws is a 500 with no internals; its error goes to the user context', async () => {
  for (const hook of [
    () => {
      throw new Error('secret');
    },
    () => Promise.reject(new Error('secret')),
  ]) {
    const errors: unknown[] = [];
    const upgrade = await decide({ admit: hook, userContext: { onError: (error) => errors.push(error) } });
    assert.is(upgrade.status, 500);
    assert.not(new TextDecoder().decode(upgrade.response()).includes('secret'));
    assert.is((errors[0] as Error).message, 'secret');
  }
});

admit('its signal is the one that is given; a hook that ends by it is not reported', async () => {
  const gone = new AbortController();
  const errors: unknown[] = [];
  const pending = decide({
    signal: gone.signal,
    userContext: { onError: (error) => errors.push(error) },
    admit: (_, { signal }) =>
      new Promise<never>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  });
  gone.abort();
  assert.is((await pending).status, 500);
  assert.equal(errors, []);
});

admit('is not asked when the rules refuse', async () => {
  let asked = 0;
  const hooks = { admit: () => void asked++, chooseSubprotocol: () => void asked++ };
  assert.is((await decide({ ...hooks, hosts: ['other.example'] })).status, 403);
  assert.is(asked, 0);
});

admit('runs where the user context says', async () => {
  const storage = new AsyncLocalStorage<string>();
  const upgrade = await decide({
    userContext: { run: (callback) => storage.run('in', callback) },
    admit: () => ({ store: storage.getStore() }),
  });
  const { session } = streamsOf(upgrade);
  assert.is(session.context.store, 'in');
  session.job.cancel();
});

admit('wrong options are a rejection of the caller’s', async () => {
  await rejects(decide({ subprotocols: ['a b'] }), TypeError);
});
admit.run();

const callbacks = suite('WebSocketUpgrade.decide · origin and subprotocol');

callbacks('admitOrigin decides instead of the rule', async () => {
  const asked: (string | undefined)[] = [];
  const options: DecideOptions<undefined> = {
    admitOrigin: async (origin) => {
      asked.push(origin);
      return origin === 'https://friend.example';
    },
  };
  assert.is((await decide(options, [['Origin', 'https://friend.example']])).status, 101);
  const refused = await decide(options, [['Origin', 'https://example.com']]);
  assert.equal([refused.status, refused.error?.code], [403, 'ERR_WS_ORIGIN']);
  assert.is((await decide({ admitOrigin: () => 'yes' as never })).status, 403);
  assert.equal(asked, ['https://friend.example', 'https://example.com']);
});

callbacks('chooseSubprotocol gets what the client offers, and chooses one of it or none', async () => {
  const offer: [string, string][] = [['Sec-WebSocket-Protocol', 'a, b']];
  const chosen = await decide({ chooseSubprotocol: async (offered) => offered[1] }, offer);
  assert.equal(
    [chosen.subprotocol, chosen.headers.filter(([name]) => name === 'Sec-WebSocket-Protocol')],
    ['b', [['Sec-WebSocket-Protocol', 'b']]],
  );
  const none = await decide({ subprotocols: ['a'], chooseSubprotocol: () => undefined }, offer);
  assert.equal([none.subprotocol, none.headers.some(([name]) => name === 'Sec-WebSocket-Protocol')], ['', false]);
});

callbacks('one that was not offered is the server’s mistake: 500, reported', async () => {
  const errors: unknown[] = [];
  const upgrade = await decide(
    { chooseSubprotocol: () => 'c', userContext: { onError: (error) => errors.push(error) } },
    [['Sec-WebSocket-Protocol', 'a']],
  );
  assert.is(upgrade.status, 500);
  assert.instance(errors[0], RangeError);
});

callbacks('nothing has escaped in all of this', async () => {
  await turns();
  assert.equal(seen, []);
});
callbacks.run();
