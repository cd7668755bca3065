import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { compilePath } from '../../lib/adapter/path-pattern.ts';
import { throws } from '../support/check.ts';

const test = suite('path pattern');

test('without a pattern every target matches, with no parameters', () => {
  const match = compilePath(undefined);
  for (const url of ['/', '/a/b?c', '*', '', '/%zz']) assert.equal(match(url), {});
});

test('finds parameters and leaves the query alone', () => {
  assert.equal(compilePath('/chat/:room')('/chat/a%20b?x=/y#z'), { room: 'a b' });
  assert.equal(compilePath('/files/*path')('/files/a/b'), { path: ['a', 'b'] });
  assert.equal(compilePath('/a{/:b}')('/a'), {});
});

test('what does not match, or cannot be decoded, is not for it', () => {
  const match = compilePath('/chat/:room');
  for (const url of [
    '/',
    '/chat',
    '/chat/',
    '/chat/a/b',
    '/CHATS/a',
    '/chat/%zz',
    '/chat/%E0%A4%A',
    '',
    '*',
    'http://host/chat/a',
  ]) {
    assert.is(match(url), undefined, url);
  }
});

test('names and values of Object.prototype do no harm', () => {
  const found = compilePath('/:constructor/:__proto__')('/__proto__/toString') ?? {};
  assert.is(Object.getPrototypeOf(found), Object.prototype);
  assert.is(found['constructor'], '__proto__');
});

test('long targets are answered at once', () => {
  const match = compilePath('/a/:b/c/*d');
  assert.is(match(`/a/${'x/'.repeat(500_000)}`), undefined);
  assert.ok(match(`/a/b/c/${'x'.repeat(1_000_000)}`));
});

test('a malformed pattern is a TypeError that names it', () => {
  throws(() => compilePath('/a/:'), TypeError, /"\/a\/:"/);
  throws(() => compilePath('/a(b'), TypeError);
});
test.run();
