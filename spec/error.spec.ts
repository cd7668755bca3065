import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  ConnectionError,
  type ErrorCode,
  errorCodes,
  HandshakeError,
  LimitError,
  LocalProtocolError,
  RemoteProtocolError,
  WebSocketError,
} from '../lib/error.ts';

const test = suite('error');

const made: readonly [WebSocketError, string][] = [
  [new RemoteProtocolError('ERR_WS_UNKNOWN_OPCODE', 'What happened'), 'RemoteProtocolError'],
  [new LimitError('ERR_WS_FRAME_TOO_LONG', 'What happened'), 'LimitError'],
  [new LocalProtocolError('ERR_WS_CLOSED', 'What happened'), 'LocalProtocolError'],
  [new ConnectionError('ERR_WS_CONNECTION_LOST', 'What happened'), 'ConnectionError'],
  [new HandshakeError('ERR_WS_ORIGIN', 'What happened', 403), 'HandshakeError'],
];

for (const [error, name] of made) {
  test(`${name} is a WebSocketError and an Error, and tells its name, code, message and stack`, () => {
    assert.instance(error, WebSocketError);
    assert.instance(error, Error);
    assert.equal([error.name, error.message], [name, 'What happened']);
    assert.ok(error.code in errorCodes);
    assert.is(String(error), `${name}: What happened`);
    assert.match(error.stack ?? '', 'error.spec');
  });
}

test('each class is told from the others', () => {
  for (const [error] of made) {
    const classes = [RemoteProtocolError, LimitError, LocalProtocolError, ConnectionError, HandshakeError];
    assert.is(classes.filter((each) => error instanceof each).length, 1);
  }
});

test('a fault of the peer closes with 1002 unless it says otherwise, a limit with 1009', () => {
  assert.is(new RemoteProtocolError('ERR_WS_UNKNOWN_OPCODE', '').closeCode, 1002);
  assert.is(new RemoteProtocolError('ERR_WS_INVALID_UTF8', '', 1007).closeCode, 1007);
  assert.is(new LimitError('ERR_WS_FRAME_TOO_LONG', '').closeCode, 1009);
  assert.is(new LimitError('ERR_WS_FRAME_TOO_LONG', '', 1008).closeCode, 1008);
});

test('a refused handshake tells the status', () => {
  assert.is(new HandshakeError('ERR_WS_VERSION', '', 426).status, 426);
});

test('an error keeps its cause, and has none where there was none', () => {
  const cause = new Error('before');
  assert.is(new ConnectionError('ERR_WS_CONNECTION_LOST', '', { cause }).cause, cause);
  assert.not('cause' in new ConnectionError('ERR_WS_CONNECTION_LOST', ''));
});

test('each code is a literal of its own kind with a sentence that tells its meaning', () => {
  for (const [code, meaning] of Object.entries(errorCodes)) {
    assert.match(code, /^ERR_WS_[A-Z0-9_]+$/);
    assert.match(meaning, /^[A-Z].*[^.]$/);
  }
  const meanings = Object.values(errorCodes);
  assert.is(new Set(meanings).size, meanings.length);
});

test('each section of RFC 6455 that a code cites exists in the form §n.n', () => {
  for (const meaning of Object.values(errorCodes)) {
    for (const cited of meaning.match(/\(RFC[^)]*\)/g) ?? []) assert.match(cited, /^\(RFC 6455 §\d+(\.\d+)*\)$/);
  }
});

test('the codes that the core makes are in the table', () => {
  const files = ['frame/frame-decoder', 'frame/close-code', 'message/message-assembler', 'endpoint/endpoint'];
  const made = files.flatMap((file) => {
    const source = readFileSync(new URL(`../lib/${file}.ts`, import.meta.url), 'utf8');
    return source.match(/ERR_WS_[A-Z0-9_]+/g) ?? [];
  });
  assert.ok(made.length > 10);
  for (const code of made) assert.ok(Object.hasOwn(errorCodes, code), code);
  const codes = Object.keys(errorCodes) as ErrorCode[];
  const ofTheCore = codes.slice(0, codes.indexOf('ERR_WS_CLOSED') + 1);
  assert.equal(
    ofTheCore.filter((code) => !made.includes(code)),
    [],
    'codes that nothing makes',
  );
});

test.run();
