import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CloseRecord } from '../../lib/connection/close-record.ts';
import { Endpoint } from '../../lib/endpoint/endpoint.ts';
import { ConnectionError } from '../../lib/error.ts';
import { hex } from '../support/hex.ts';

const NOTHING = { messages: 0, bytes: 0, handler: false };

function endpointThat(...steps: ((endpoint: Endpoint) => unknown)[]): Endpoint {
  const endpoint = new Endpoint({ role: 'server' });
  for (const step of steps) step(endpoint);
  return endpoint;
}

const answers = (endpoint: Endpoint): unknown => endpoint.receive(hex('88 82 00 00 00 00 03 e9'));

const test = suite('close record');

test('tells of the connection’s end only when it is told to, with what was known when it ended', async () => {
  const record = new CloseRecord();
  let told = false;
  void record.closed.then(() => {
    told = true;
  });
  record.finish(
    endpointThat((endpoint) => endpoint.close(1000, 'bye'), answers),
    true,
    NOTHING,
  );
  await Promise.resolve();
  assert.not(told);
  record.tell();
  assert.equal(await record.closed, {
    closeCode: 1001,
    reason: '',
    wasClean: true,
    initiator: 'remote',
    received: { closeCode: 1001, reason: '' },
    sent: { closeCode: 1000, reason: 'bye' },
    error: undefined,
    abandoned: NOTHING,
  });
  assert.is(await record.closed, record.info);
});

test('nothing is told of a connection that has not ended', async () => {
  const record = new CloseRecord();
  record.tell();
  assert.is(record.info, undefined);
  assert.is(await Promise.race([record.closed, Promise.resolve('pending')]), 'pending');
});

test('without a close frame of the peer’s the code is 1006 (RFC 6455 §7.1.5)', () => {
  const record = new CloseRecord();
  record.finish(endpointThat(), false, { messages: 1, bytes: 2, handler: false });
  assert.equal([record.info?.closeCode, record.info?.reason, record.info?.wasClean], [1006, '', false]);
  assert.equal([record.info?.sent, record.info?.received], [undefined, undefined]);
  assert.equal(record.info?.abandoned, { messages: 1, bytes: 2, handler: false });
});

test('the first note of who began holds, and so does the first error', () => {
  const record = new CloseRecord();
  const first = new Error('first');
  record.begunBy('local');
  record.begunBy('remote');
  record.blame(undefined);
  record.blame(first);
  record.blame(new Error('second'));
  record.blame(undefined);
  record.finish(endpointThat(), false, NOTHING);
  assert.equal([record.info?.initiator, record.info?.error, record.error], ['local', first, first]);
});

test('what operations of an ended connection fail with is one error, which has the cause', () => {
  const record = new CloseRecord();
  const cause = new ConnectionError('ERR_WS_CONNECTION_LOST', 'lost');
  record.blame(cause);
  const { closedError } = record;
  assert.equal([closedError.code, closedError.cause], ['ERR_WS_CLOSED', cause]);
  assert.is(record.closedError, closedError);
});

test('an error of this connection’s end is known again, others are not', () => {
  const record = new CloseRecord();
  const own = new Error('own');
  assert.is(record.own(own), own);
  assert.ok(record.isOwn(own));
  assert.ok(record.isOwn(record.closedError));
  for (const other of [new Error('own'), new CloseRecord().closedError, 'own', undefined, null, 5]) {
    assert.not(record.isOwn(other));
  }
});
test.run();
