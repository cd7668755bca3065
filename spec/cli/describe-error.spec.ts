import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { describeError } from '../../lib/cli/describe-error.ts';
import { HandshakeError } from '../../lib/error.ts';

const test = suite('describe-error');

function refused(status: number, body: string | Uint8Array, headers: [string, string][] = []): HandshakeError {
  return new HandshakeError('ERR_WS_NOT_UPGRADED', `status ${status}`, status, { headers, body: Buffer.from(body) });
}

test('an error is told with its causes, each once', () => {
  assert.is(describeError(new Error('a')), 'a');
  assert.is(describeError('thrown'), 'thrown');
  assert.is(describeError(new Error('a', { cause: new Error('b', { cause: new Error('a') }) })), 'a: b');
});

test('of several addresses that failed the first is told, and an error without a message by its code', () => {
  const several = new AggregateError([new Error('connect ECONNREFUSED ::1:80'), new Error('other')]);
  assert.is(describeError(new Error('a', { cause: several })), 'a: connect ECONNREFUSED ::1:80');
  assert.is(describeError(Object.assign(new Error(), { code: 'ECONNRESET' })), 'ECONNRESET');
  assert.is(describeError(new AggregateError([])), 'AggregateError');
});

test('a circle of causes ends', () => {
  const error = new Error('a');
  error.cause = error;
  assert.is(describeError(error), 'a');
});

test('of a refusal the first line of the body that is not empty is told', () => {
  assert.is(describeError(refused(401, '')), 'status 401');
  assert.is(describeError(refused(401, '\r\n  token expired \r\nmore')), 'status 401: token expired');
  assert.is(describeError(refused(401, 'x'.repeat(2000))), `status 401: ${'x'.repeat(300)}…`);
});

test('a body that is no text is not told', () => {
  assert.is(describeError(refused(401, Uint8Array.of(0x1f, 0x8b, 8, 0))), 'status 401');
});

test('of a redirect its target is told', () => {
  const location = [['Location', 'https://other.example/']] as [string, string][];
  assert.is(describeError(refused(302, 'moved', location)), 'status 302: Location: https://other.example/');
  assert.is(describeError(refused(401, 'no', location)), 'status 401: no');
});

test('it is one line in which nothing steers a terminal', () => {
  assert.is(describeError(new Error('a\n  b\x1b[2J')), 'a b\\u{1b}[2J');
  assert.is(describeError(refused(401, 'a\x1b[2Jb')), 'status 401: a\\u{1b}[2Jb');
});

test.run();
