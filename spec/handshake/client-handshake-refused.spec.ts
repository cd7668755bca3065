// Answers that are no WebSocket: each whole, byte by byte and cut at random places.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type ErrorCode, HandshakeError } from '../../lib/error.ts';
import type { DeflateCodec } from '../../lib/extension/deflate-codec.ts';
import type { Extension } from '../../lib/extension/extension.ts';
import { PermessageDeflate } from '../../lib/extension/permessage-deflate.ts';
import type { ClientHandshakeOptions, ClientHandshakeOutcome } from '../../lib/handshake/client-handshake.ts';
import { answer, extension, handshakeOf, outcomeOf } from '../support/client-handshake.ts';
import { fromLatin1, latin1 } from '../support/deliver-response.ts';

const KIBI = 1024;

function refused(outcome: ClientHandshakeOutcome | undefined, code: ErrorCode, status: number): HandshakeError {
  if (outcome === undefined || outcome.accepted) return assert.unreachable('not refused') as never;
  const { error } = outcome;
  assert.instance(error, HandshakeError);
  assert.equal([error.code, error.status], [code, status], error.message);
  return error;
}

/** Asserts that a 101 with these changes is no valid answer, and that the error has its headers. */
function invalid(
  changes: Record<string, readonly string[]>,
  options?: Partial<ClientHandshakeOptions>,
): HandshakeError {
  const error = refused(outcomeOf(`${answer(changes)}\x81\x00`, options), 'ERR_WS_RESPONSE_INVALID', 101);
  assert.ok(error.headers.length >= 2);
  assert.is(error.body.byteLength, 0);
  return error;
}

const rules = suite('client-handshake · RFC 6455 §4.1 a 101 that breaks a rule');

for (const upgrade of [
  [],
  [''],
  ['h2c'],
  ['websockets'],
  ['web socket'],
  ['websocket/13'],
  ['websocket, h2c'],
  ['websocket', 'websocket'],
  ['websocket', 'h2c'],
  ['websoc\u00e9t'],
]) {
  rules(`Upgrade: ${upgrade.join(' and ') || 'missing or empty'} is not websocket`, () => {
    assert.match(invalid({ Upgrade: upgrade }).message, 'Upgrade');
  });
}

for (const connection of [
  [],
  [''],
  ['close'],
  ['keep-alive'],
  ['upgrades'],
  ['up grade'],
  ['"upgrade"'],
  ['a b, upgrade'],
]) {
  rules(`Connection: ${connection.join() || 'missing or empty'} does not list upgrade`, () => {
    assert.match(invalid({ Connection: connection }).message, 'Connection');
  });
}

const right = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

for (const [what, values] of [
  ['missing', []],
  ['empty', ['']],
  ['that of another key', ['HSmrc0sMlYUkAGmm5OPpG2HaGWk=']],
  ['in another case', [right.toUpperCase()]],
  ['not padded', [right.slice(0, -1)]],
  ['longer', [`${right}=`]],
  ['in quotes', [`"${right}"`]],
  ['the key itself', ['dGhlIHNhbXBsZSBub25jZQ==']],
  ['with white space inside', [`${right.slice(0, 9)} ${right.slice(9)}`]],
  ['with a no-break space around it, which HTTP does not trim', [`\xa0${right}`]],
  ['there twice (§11.3.3)', [right, right]],
  ['there twice, the first right', [right, 'x']],
  ['two values in one', [`${right}, ${right}`]],
] as const) {
  rules(`Sec-WebSocket-Accept that is ${what} is wrong`, () => {
    assert.match(invalid({ 'Sec-WebSocket-Accept': values }).message, 'Sec-WebSocket-Accept');
  });
}

for (const [what, values, subprotocols] of [
  ['where none was offered', ['chat'], []],
  ['that was not offered', ['other'], ['chat']],
  ['in another case', ['Chat'], ['chat']],
  ['that is empty (§4.2.2)', [''], ['chat']],
  ['that is empty, where none was offered', [''], []],
  ['that is a list of what was offered', ['chat, superchat'], ['chat', 'superchat']],
  ['that is there twice (§11.3.4)', ['chat', 'chat'], ['chat']],
  ['with a byte over 0x7F', ['chat\xe9'], ['chat']],
  ['that a prototype has', ['constructor'], ['chat']],
] as const) {
  rules(`a subprotocol ${what} fails the handshake`, () => {
    for (const requiresSubprotocol of [false, true]) {
      const error = invalid({ 'Sec-WebSocket-Protocol': values }, { subprotocols, requiresSubprotocol });
      assert.match(error.message, /subprotocol|Sec-WebSocket-Protocol/);
    }
  });
}

rules('no subprotocol where one is required fails the handshake (WHATWG)', () => {
  assert.match(invalid({}, { subprotocols: ['chat'], requiresSubprotocol: true }).message, 'subprotocols');
});

for (const fields of [
  { 'Content-Length': ['1'] },
  { 'Content-Length': ['0', '5'] },
  { 'Content-Length': ['0, 0'] },
  { 'Content-Length': ['-0'] },
  { 'Content-Length': [''] },
  { 'Transfer-Encoding': ['chunked'] },
  { 'Transfer-Encoding': ['identity'] },
  { 'Transfer-Encoding': [''] },
]) {
  rules(`a 101 that announces content fails the handshake: ${JSON.stringify(fields)}`, () => {
    assert.match(invalid(fields).message, 'content');
  });
}

rules.run();

const extending = suite('client-handshake · RFC 6455 §9.1 extensions that were not agreed on');

/** A codec that nothing is compressed with here. */
const codec: DeflateCodec = {
  createDeflater: () => assert.unreachable() as never,
  createInflater: () => assert.unreachable() as never,
};

function deflate(): Extension {
  return new PermessageDeflate(codec);
}

for (const [what, values] of [
  ['one that was not offered', ['x-b']],
  ['one in another case', ['X-A']],
  ['one that was not offered beside one that was', ['x-a, x-b']],
  ['one twice in a list', ['x-a, x-a']],
  ['one twice in two fields', ['x-a', 'x-a']],
  ['two fields (§11.3.2)', ['x-a', 'x-c']],
  ['an empty list', ['']],
  ['a list of nothing', [',,']],
  ['no list', ['x-a x-c']],
  ['a parameter without a name', ['x-a; =1']],
  ['an unclosed quote', ['x-a; b="c']],
  ['a quoted value that is no token', ['x-a; b="c d"']],
  ['64 KiB of quoted pairs', [`x-a; b="${'\\"'.repeat(4 * KIBI)}`]],
  ['a byte over 0x7F', ['x-a\xe9']],
  ['a byte over 0x7F in a value', ['x-a; b=\xe9']],
  ['names that a prototype has', ['__proto__']],
  ['the constructor of one', ['constructor']],
] as const) {
  extending(`${what} fails the handshake`, () => {
    const extensions = [extension('x-a'), extension('x-c')];
    assert.match(invalid({ 'Sec-WebSocket-Extensions': values }, { extensions }).message, 'Sec-WebSocket-Extensions');
  });
}

extending('any extension fails the handshake where none was offered, or none is now', () => {
  invalid({ 'Sec-WebSocket-Extensions': ['x-a'] });
  invalid({ 'Sec-WebSocket-Extensions': ['x-a'] }, { extensions: [extension('x-a', [])] });
});

for (const parameters of [
  'server_max_window_bits=99',
  'server_max_window_bits=7',
  'server_max_window_bits=16',
  'server_max_window_bits=08',
  'server_max_window_bits=-1',
  'server_max_window_bits=1e1',
  'server_max_window_bits',
  'client_max_window_bits=99',
  'client_max_window_bits=0',
  'client_max_window_bits',
  'server_no_context_takeover=1',
  'server_no_context_takeover; server_no_context_takeover',
  'client_max_window_bits=10; client_max_window_bits=10',
  'unknown',
  'constructor=1',
]) {
  extending(`permessage-deflate; ${parameters} fails the handshake (RFC 7692 §7.1)`, () => {
    const options = { extensions: [deflate()] };
    invalid({ 'Sec-WebSocket-Extensions': [`permessage-deflate; ${parameters}`] }, options);
  });
}

extending('permessage-deflate accepted twice fails the handshake', () => {
  invalid({ 'Sec-WebSocket-Extensions': ['permessage-deflate, permessage-deflate'] }, { extensions: [deflate()] });
  assert.ok(
    outcomeOf(answer({ 'Sec-WebSocket-Extensions': ['permessage-deflate'] }), { extensions: [deflate()] })?.accepted,
  );
});

extending('an extension that throws, which it must not, fails the handshake, and its error is the cause', () => {
  const cause = new Error('of the extension');
  const throwing: Extension = {
    ...extension('x-a'),
    confirm: () => {
      throw cause;
    },
  };
  assert.is(invalid({ 'Sec-WebSocket-Extensions': ['x-a'] }, { extensions: [throwing] }).cause, cause);
});

extending.run();

const statuses = suite('client-handshake · a status other than 101');

for (const status of [200, 204, 301, 304, 400, 401, 403, 404, 407, 426, 429, 500, 503, 599]) {
  statuses(`${status} refuses, though all else is right, and the error has all of it`, () => {
    const text = answer({ 'Retry-After': ['5'], 'Content-Length': ['4'] }, `HTTP/1.1 ${status} X`);
    const error = refused(outcomeOf(`${text}why?`), 'ERR_WS_NOT_UPGRADED', status);
    assert.is(error.headers.find(([name]) => name === 'Retry-After')?.[1], '5');
    assert.is(error.headers.length, 5);
    assert.is(fromLatin1(error.body), status === 204 || status === 304 ? '' : 'why?');
    assert.not('cause' in error);
  });
}

statuses('there is an outcome only when the body is there, or 64 KiB of it', () => {
  const text = answer({ 'Content-Length': ['5'] }, 'HTTP/1.1 401 X');
  assert.is(outcomeOf(`${text}hell`), undefined);
  const full = 'x'.repeat(64 * KIBI);
  const error = refused(outcomeOf(`${answer({}, 'HTTP/1.1 401 X')}${full}`), 'ERR_WS_NOT_UPGRADED', 401);
  assert.ok(fromLatin1(error.body) === full);
});

statuses('the end, of the transport or of patience, gives what has come of the body', () => {
  for (const field of [{}, { 'Content-Length': ['500'] }]) {
    const text = answer(field, 'HTTP/1.1 503 X');
    const error = refused(outcomeOf(`${text}try lat`, {}, true), 'ERR_WS_NOT_UPGRADED', 503);
    assert.is(fromLatin1(error.body), 'try lat');
  }
});

statuses('a body that is malformed does not hide the status: its fault is the cause', () => {
  const chunked = answer({ 'Transfer-Encoding': ['chunked'] }, 'HTTP/1.1 401 X');
  const error = refused(outcomeOf(`${chunked}2\r\nno\r\nx\r\n`), 'ERR_WS_NOT_UPGRADED', 401);
  assert.is(fromLatin1(error.body), 'no');
  assert.is((error.cause as HandshakeError).code, 'ERR_WS_RESPONSE_MALFORMED');
  const lengths = answer({ 'Content-Length': ['2', '3'] }, 'HTTP/1.1 401 X');
  refused(outcomeOf(`${lengths}no`), 'ERR_WS_NOT_UPGRADED', 401);
});

statuses('what comes afterwards is not looked at', () => {
  for (const text of [answer({ 'Content-Length': ['0'] }, 'HTTP/1.1 401 X'), answer({ Upgrade: ['x'] }), 'x\r\n']) {
    const handshake = handshakeOf();
    handshake.push(latin1(text));
    const { outcome } = handshake;
    assert.is(outcome?.accepted, false);
    handshake.push(latin1(answer()));
    handshake.end();
    assert.is(handshake.outcome, outcome);
  }
});

statuses.run();

const malformed = suite('client-handshake · what is no response');

for (const [what, text, status] of [
  ['another protocol', 'SSH-2.0-OpenSSH_9.6\r\n', 0],
  ['HTTP/1.0', answer({}, 'HTTP/1.0 101 X'), 101],
  ['HTTP/2', 'HTTP/2 101\r\n', 0],
  ['line ends of LF', answer().replaceAll('\r\n', '\n'), 0],
  ['a folded line', answer({ A: ['b\r\n c'] }), 101],
  ['a header that another one was put into with LF', answer({ A: ['b\nSec-WebSocket-Protocol: chat'] }), 101],
  ['a header that another one was put into with CR', answer({ A: ['b\rSec-WebSocket-Protocol: chat'] }), 101],
  ['white space before a colon', answer({ 'A ': ['b'] }), 101],
  ['NUL', answer({ A: ['\0'] }), 101],
  ['a name over 0x7F', answer({ '\xe9': ['b'] }), 101],
] as const) {
  malformed(`${what} is malformed`, () => {
    refused(outcomeOf(text), 'ERR_WS_RESPONSE_MALFORMED', status);
  });
}

malformed('a header that another one was put into with CRLF is two, and they are held against the rules', () => {
  invalid({ A: ['b\r\nSec-WebSocket-Protocol: chat'] });
  invalid({ A: [`b\r\nSec-WebSocket-Accept: ${right}`] });
});

malformed('1,000 headers are over the limit, and so is a head that never ends', () => {
  const many = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`X-${index}`, ['y']]));
  refused(outcomeOf(answer(many)), 'ERR_WS_HEAD_TOO_LARGE', 101);
  refused(outcomeOf('HTTP/1.1 100 X\r\n\r\n'.repeat(2000)), 'ERR_WS_HEAD_TOO_LARGE', 0);
  refused(outcomeOf(answer({ A: [' '.repeat(64 * KIBI)] })), 'ERR_WS_HEAD_TOO_LARGE', 101);
});

malformed('the limits are those of the options', () => {
  const text = answer();
  assert.ok(outcomeOf(text, { limits: { maxHeadSize: text.length, maxHeaders: 3 } })?.accepted);
  refused(outcomeOf(text, { limits: { maxHeadSize: text.length - 1 } }), 'ERR_WS_HEAD_TOO_LARGE', 101);
  refused(outcomeOf(text, { limits: { maxHeaders: 2 } }), 'ERR_WS_HEAD_TOO_LARGE', 101);
});

for (const name of ['Upgrade', 'Connection', 'Sec-WebSocket-Protocol', 'Sec-WebSocket-Extensions']) {
  malformed(`64 KiB of spaces and commas in ${name} are read in one pass`, () => {
    const options = { limits: { maxHeadSize: 1_000_000 }, subprotocols: ['a'], extensions: [extension('a')] };
    for (const unit of [' ', '\t ', ',', ', ', 'a ', 'a,', '; ', '"', '\\"']) {
      const handshake = handshakeOf(options);
      handshake.push(latin1(answer({ [name]: [`a${unit.repeat((64 * KIBI) / unit.length)}b`] })));
      refused(handshake.outcome, 'ERR_WS_RESPONSE_INVALID', 101);
    }
  });
}

malformed('a transport that ends before the head is whole: incomplete, with status 0 where none came', () => {
  const text = answer();
  const line = text.indexOf('\n');
  for (let length = 0; length < text.length; length++) {
    refused(outcomeOf(text.slice(0, length), {}, true), 'ERR_WS_RESPONSE_INCOMPLETE', length > line ? 101 : 0);
  }
  const error = refused(outcomeOf('', {}, true), 'ERR_WS_RESPONSE_INCOMPLETE', 0);
  assert.equal([error.headers, error.body.byteLength], [[], 0]);
});

malformed.run();
