import { readdirSync, readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  ConnectionError,
  ExtensionError,
  errorCodes,
  HandshakeError,
  LimitError,
  LocalProtocolError,
  MillraceError,
  RemoteProtocolError,
} from '../lib/error.ts';

const test = suite('error');

const made: readonly [MillraceError, string][] = makeOneOfEach();

function makeOneOfEach(): [MillraceError, string][] {
  return [
    [new RemoteProtocolError('ERR_WS_UNKNOWN_OPCODE', 'What happened'), 'RemoteProtocolError'],
    [new LimitError('ERR_WS_FRAME_TOO_LONG', 'What happened'), 'LimitError'],
    [new LocalProtocolError('ERR_WS_CLOSED', 'What happened'), 'LocalProtocolError'],
    [new ExtensionError('ERR_WS_EXTENSION_FAILED', 'What happened'), 'ExtensionError'],
    [new ConnectionError('ERR_WS_CONNECTION_LOST', 'What happened'), 'ConnectionError'],
    [new HandshakeError('ERR_WS_ORIGIN', 'What happened', 403), 'HandshakeError'],
  ];
}

for (const [error, name] of made) {
  test(`${name} is a MillraceError and an Error, and tells its name, code, message and stack`, () => {
    assert.instance(error, MillraceError);
    assert.instance(error, Error);
    assert.equal([error.name, error.message], [name, 'What happened']);
    assert.ok(error.code in errorCodes);
    assert.is(String(error), `${name}: What happened`);
    assert.match(error.stack ?? '', 'makeOneOfEach');
  });
}

test('each class is told from the others', () => {
  for (const [error] of made) {
    const classes = [
      RemoteProtocolError,
      LimitError,
      LocalProtocolError,
      ExtensionError,
      ConnectionError,
      HandshakeError,
    ];
    assert.is(classes.filter((each) => error instanceof each).length, 1);
  }
});

test('a fault of the peer closes with 1002 unless it says otherwise, a limit with 1009, an extension with 1011', () => {
  assert.is(new RemoteProtocolError('ERR_WS_UNKNOWN_OPCODE', '').closeCode, 1002);
  assert.is(new RemoteProtocolError('ERR_WS_INVALID_UTF8', '', 1007).closeCode, 1007);
  assert.is(new LimitError('ERR_WS_FRAME_TOO_LONG', '').closeCode, 1009);
  assert.is(new LimitError('ERR_WS_FRAME_TOO_LONG', '', 1008).closeCode, 1008);
  assert.is(new ExtensionError('ERR_WS_EXTENSION_FAILED', '').closeCode, 1011);
});

test('a refused handshake tells the status', () => {
  assert.is(new HandshakeError('ERR_WS_VERSION', '', 426).status, 426);
});

test('a failed handshake tells a client the headers and the body of the response, and a refused one has none', () => {
  const cause = new Error('before');
  const headers = [['Retry-After', '5']] as const;
  const body = new Uint8Array([1, 2]);
  const failed = new HandshakeError('ERR_WS_NOT_UPGRADED', '', 503, { headers, body, cause });
  assert.equal([failed.status, failed.headers, failed.body, failed.cause], [503, headers, body, cause]);
  const refused = new HandshakeError('ERR_WS_VERSION', '', 426);
  assert.equal([refused.headers, refused.body], [[], new Uint8Array(0)]);
  assert.not('cause' in refused);
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

test('each section of an RFC that a code cites is in the form §n.n', () => {
  for (const meaning of Object.values(errorCodes)) {
    for (const cited of meaning.match(/\(RFC[^)]*\)/g) ?? []) assert.match(cited, /^\(RFC (6455|7692) §\d+(\.\d+)*\)$/);
  }
});

test('the codes that the library makes are those of the table, and each is made', () => {
  const root = new URL('../lib/', import.meta.url);
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' });
  const sources = files.filter((file) => file.endsWith('.ts') && file !== 'error.ts');
  const made = new Set(
    sources.flatMap((file) => readFileSync(new URL(file, root), 'utf8').match(/'ERR_WS_[A-Z0-9_]+'/g) ?? []),
  );
  assert.equal(
    [...made].sort(),
    Object.keys(errorCodes)
      .map((code) => `'${code}'`)
      .sort(),
  );
});

test.run();
