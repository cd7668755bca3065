// What two sides agree on without an opening handshake.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Extension } from '../../lib/extension/extension.ts';
import { formatExtensions } from '../../lib/extension/extension-negotiation.ts';
import { permessageDeflate } from '../../lib/node.ts';
import { agree } from '../../lib/testing/agree.ts';
import { createPair } from '../../lib/testing/pair.ts';
import { throws } from '../support/check.ts';
import { installable } from '../support/extensions.ts';

const test = suite('agree');

const make = (name: string, rsvBits = 0): Extension => installable(name, () => ({}), rsvBits);

function textsOf(server: readonly Extension[], client: readonly Extension[]): [string, string] {
  const agreed = agree(server, client);
  return [formatExtensions(agreed.server), formatExtensions(agreed.client)];
}

test("both have what both have installed, in the server's order", () => {
  assert.equal(textsOf([], []), ['', '']);
  assert.equal(textsOf([make('a')], []), ['', '']);
  assert.equal(textsOf([], [make('a')]), ['', '']);
  assert.equal(textsOf([make('a')], [make('b')]), ['', '']);
  assert.equal(textsOf([make('a'), make('b'), make('c')], [make('c'), make('x'), make('a')]), ['a, c', 'a, c']);
});

test('what both are told is the same text, as it would stand in the response', () => {
  const [server, client] = textsOf(
    [permessageDeflate({ serverMaxWindowBits: 11 })],
    [permessageDeflate({ serverNoContextTakeover: true, clientMaxWindowBits: 12 })],
  );
  assert.is(server, client);
  assert.match(server, /^permessage-deflate; .*server_no_context_takeover/);
  assert.match(server, /server_max_window_bits=11/);
  assert.match(server, /client_max_window_bits=12/);
});

test('extensions that cannot be installed together are refused on either side', () => {
  const both = [make('a', 0x40), make('b', 0x40)];
  throws(() => agree(both, []), TypeError, /RSV bit/);
  throws(() => agree([], both), TypeError, /RSV bit/);
  throws(() => createPair({ server: { extensions: both } }), TypeError, /RSV bit/);
  throws(() => agree([make('a', 1)], []), RangeError);
});

test('a client that does not confirm what the server has accepted is an error that has both texts', () => {
  const refusing: Extension = { ...make('a'), confirm: () => undefined };
  throws(() => agree([make('a')], [refusing]), Error, /does not confirm "a"; it has offered "a"/);
});

test('the sessions of a pair tell what was agreed on', async () => {
  await using pair = createPair({
    server: { extensions: [make('a'), make('b')] },
    client: { extensions: [make('b'), make('a')] },
  });
  assert.equal([pair.server.session.extensions, pair.client.session.extensions], ['a, b', 'a, b']);
  await using plain = createPair();
  assert.equal([plain.server.session.extensions, plain.client.session.extensions], ['', '']);
});

test.run();
