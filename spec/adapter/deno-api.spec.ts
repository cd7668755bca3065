// Deno's API where it is missing, and calls on it that may fail for no reason of ours.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { closeConn, denoApi, setNoDelay } from '../../lib/adapter/deno-api.ts';
import { connect, serve } from '../../lib/deno.ts';
import { rejects, throws } from '../support/check.ts';
import { denoError, FakeConn } from '../support/fake-conn.ts';
import { fakeDeno, installDeno } from '../support/fake-deno.ts';

const test = suite('deno-api');

test('another runtime has none: a TypeError says what to import', async () => {
  throws(() => denoApi(), TypeError, /millrace\/node/);
  await rejects(connect('ws://127.0.0.1:1'), TypeError, /no sockets of Deno/);
  await rejects(
    serve({}, async () => {}),
    TypeError,
    /no sockets of Deno/,
  );
});

test('a Deno that lacks a function of it is none', () => {
  const { startTls: _, ...rest } = fakeDeno;
  const remove = installDeno(rest);
  throws(() => denoApi(), TypeError);
  remove();
  const removeAll = installDeno();
  assert.is(denoApi(), fakeDeno);
  removeAll();
});

test('a connection that is closed already is closed again in silence', () => {
  const conn = new FakeConn();
  closeConn(conn);
  closeConn(conn);
  assert.equal(conn.asked, ['close']);
});

test('small writes are sent at once where the connection knows how, and a failure of that is none', () => {
  const asked: boolean[] = [];
  const conn = Object.assign(new FakeConn(), { setNoDelay: (noDelay: boolean) => asked.push(noDelay) });
  setNoDelay(conn);
  assert.equal(asked, [true]);
  setNoDelay(new FakeConn());
  const failing = Object.assign(new FakeConn(), {
    setNoDelay: () => {
      throw denoError('InvalidInput');
    },
  });
  setNoDelay(failing);
});

test.run();
