// What servers break clients with: each response whole, byte by byte and cut at random places.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HttpResponse } from '../../lib/handshake/http-response.ts';
import { defaultLimits } from '../../lib/limits.ts';
import { latin1 } from '../support/deliver-response.ts';
import { Random, runs, seed } from '../support/random.ts';
import { codeOf, limitedTo, receive, switching } from '../support/receive-response.ts';

const malformed = suite('http-response · a response that is malformed');

const statusLines = [
  '',
  'HTTP/1.0 101 Switching Protocols',
  'HTTP/0.9 200 OK',
  'HTTP/1.2 101 X',
  'HTTP/2 101',
  'HTTP/2.0 101 X',
  'HTTP/1.10 101 X',
  'http/1.1 101 X',
  'HTTP/1.1101 X',
  'HTTP/1.1\t101 X',
  'HTTP/1.1  101 X',
  ' HTTP/1.1 101 X',
  'HTTP/1.1 10 X',
  'HTTP/1.1 1010 X',
  'HTTP/1.1 099 X',
  'HTTP/1.1 000 X',
  'HTTP/1.1 +10 X',
  'HTTP/1.1 1e2 X',
  'HTTP/1.1 101X',
  'HTTP/1.1 101\tX',
  'HTTP/1.1 \xb9\xb2\xb3 X',
  'HTTP/1.1',
  'HTTP/1.1 ',
  'ICY 200 OK',
  'GET / HTTP/1.1',
  '220 mail.example ESMTP',
  'SSH-2.0-OpenSSH_9.6',
];

for (const line of statusLines) {
  malformed(`no status line: ${JSON.stringify(line)} (RFC 9112 §4)`, () => {
    const seen = receive(`${line}\r\nContent-Length: 0\r\n\r\n`);
    assert.is(codeOf(seen), 'ERR_WS_RESPONSE_MALFORMED');
    assert.is(seen.headers, undefined);
  });
}

malformed('an answer in HTTP/1.0 tells its status', () => {
  assert.is(receive('HTTP/1.0 404 File not found\r\n\r\n').fault?.[2], 404);
  assert.is(receive('HTTP/1.2 404 X\r\n\r\n').fault?.[2], 0);
});

const fieldLines: [what: string, lines: string][] = [
  ['a name that is empty', ': x'],
  ['no colon', 'Upgrade websocket'],
  ['a token alone', 'Upgrade'],
  ['white space before the colon (RFC 9112 §5.1)', 'Upgrade : websocket'],
  ['a tab before the colon', 'Upgrade\t: websocket'],
  ['white space in the name', 'Up grade: websocket'],
  ['a name that is no token', 'Up(grade): websocket'],
  ['a name with a byte over 0x7F', 'Upgrad\xe9: websocket'],
  ['a first line that is folded', ' Upgrade: websocket'],
  ['a line that is folded (RFC 9112 §5.2)', 'Upgrade: web\r\n socket'],
  ['a line that is folded by a tab', 'Upgrade: web\r\n\tsocket: x'],
  ['a line that is folded and empty', 'Upgrade: websocket\r\n '],
  ['LF alone', 'Upgrade: websocket\nConnection: Upgrade'],
  ['CR alone', 'Upgrade: websocket\rConnection: Upgrade'],
  ['CR twice', 'Upgrade: websocket\r\r\nConnection: Upgrade'],
  ['LF and CR', 'Upgrade: websocket\n\rConnection: Upgrade'],
  ['NUL in a value', 'Upgrade: web\0socket'],
  ['NUL in a name', 'Up\0grade: websocket'],
];

for (const [what, lines] of fieldLines) {
  malformed(`a head with ${what}`, () => {
    const seen = receive(`HTTP/1.1 101 X\r\nA: 1\r\n${lines}\r\n\r\n`);
    assert.is(codeOf(seen), 'ERR_WS_RESPONSE_MALFORMED');
    assert.is(seen.headers, undefined);
    assert.is(seen.fault?.[2], 101);
    assert.equal(seen.fault?.[3][0], ['A', '1'], 'what came before it is told');
  });
}

malformed('a head whose lines end in LF alone, the status line too', () => {
  assert.is(codeOf(receive(switching.replaceAll('\r\n', '\n'))), 'ERR_WS_RESPONSE_MALFORMED');
  assert.is(codeOf(receive(switching.replace('\r\n', '\n'))), 'ERR_WS_RESPONSE_MALFORMED');
  assert.is(codeOf(receive(switching.replace('\r\n\r\n', '\r\n\n'))), 'ERR_WS_RESPONSE_MALFORMED');
});

malformed('a 1xx that is passed over is held against the same rules', () => {
  assert.is(codeOf(receive(`HTTP/1.1 100 X\r\nA : b\r\n\r\n${switching}`)), 'ERR_WS_RESPONSE_MALFORMED');
});

malformed('a fault is found with the line that has it: nothing more is waited for', () => {
  assert.is(codeOf(receive('HTTP/1.0 200 OK\r\n')), 'ERR_WS_RESPONSE_MALFORMED');
  assert.is(codeOf(receive('HTTP/1.1 101 X\r\nA : b\r\n')), 'ERR_WS_RESPONSE_MALFORMED');
  assert.is(codeOf(receive('HTTP/1.1 101 X\n')), 'ERR_WS_RESPONSE_MALFORMED');
});

malformed('a transport that ends before the head is whole: the response is incomplete', () => {
  for (let length = 0; length < switching.length; length++) {
    const seen = receive(switching.slice(0, length), { end: true });
    assert.is(codeOf(seen), 'ERR_WS_RESPONSE_INCOMPLETE');
    assert.is(seen.fault?.[2], length < switching.indexOf('\n') + 1 ? 0 : 101);
  }
  const interim = receive('HTTP/1.1 100 Continue\r\n\r\n', { end: true });
  assert.equal([codeOf(interim), interim.status], ['ERR_WS_RESPONSE_INCOMPLETE', 0]);
});

malformed('after a fault nothing changes it', () => {
  const response = new HttpResponse({ limits: defaultLimits });
  response.push(latin1('HTTP/1.0 200 OK\r\n'));
  const { fault } = response;
  response.push(latin1(switching));
  response.end();
  assert.is(response.fault, fault);
  assert.not(response.isSwitched);
});

malformed.run();

const limits = suite('http-response · limits of the head');

limits('maxHeadSize counts every byte up to the end of the empty line', () => {
  assert.is(receive(switching, limitedTo(switching.length)).fault, undefined);
  assert.is(codeOf(receive(switching, limitedTo(switching.length - 1))), 'ERR_WS_HEAD_TOO_LARGE');
  assert.is(receive(`${switching}frames`, limitedTo(switching.length)).rest, 'frames');
});

limits('maxHeaders counts every field', () => {
  const fields = (count: number): string => `HTTP/1.1 101 X\r\n${'A: b\r\n'.repeat(count)}\r\n`;
  assert.is(receive(fields(5), limitedTo(1000, 5)).headers?.length, 5);
  assert.is(codeOf(receive(fields(6), limitedTo(1000, 5))), 'ERR_WS_HEAD_TOO_LARGE');
  assert.is(codeOf(receive(fields(1000))), 'ERR_WS_HEAD_TOO_LARGE', 'a thousand are over the default');
});

limits('both hold over all heads together', () => {
  const interim = 'HTTP/1.1 103 X\r\nA: 1\r\nB: 2\r\n\r\n';
  const size = 3 * interim.length + switching.length;
  assert.is(receive(interim.repeat(3) + switching, limitedTo(size, 8)).status, 101);
  assert.is(codeOf(receive(interim.repeat(3) + switching, limitedTo(size - 1, 8))), 'ERR_WS_HEAD_TOO_LARGE');
  assert.is(codeOf(receive(interim.repeat(3) + switching, limitedTo(size, 7))), 'ERR_WS_HEAD_TOO_LARGE');
  assert.is(codeOf(receive('HTTP/1.1 100 X\r\n\r\n'.repeat(10_000))), 'ERR_WS_HEAD_TOO_LARGE', 'without an end');
});

const endless: [what: string, text: string][] = [
  ['a status line', 'HTTP/1.1 101 '],
  ['something else', ''],
  ['a name', 'HTTP/1.1 101 X\r\n'],
  ['a value', 'HTTP/1.1 101 X\r\nA: '],
];

for (const [what, text] of endless) {
  limits(`${what} that never ends is cut at the limit`, () => {
    const { maxHeadSize } = defaultLimits;
    assert.is(codeOf(receive(`${text}${'x'.repeat(maxHeadSize - text.length + 1)}`)), 'ERR_WS_HEAD_TOO_LARGE');
    assert.is(receive(`${text}${'x'.repeat(maxHeadSize - text.length)}`).fault, undefined);
  });
}

limits('the status and the fields that came before the limit are told', () => {
  const seen = receive('HTTP/1.1 503 X\r\nRetry-After: 5\r\nA: b\r\n\r\n', limitedTo(1000, 1));
  assert.equal(seen.fault?.slice(2, 4), [503, [['Retry-After', '5']]]);
});

limits('the body has a limit of its own', () => {
  const text = 'HTTP/1.1 503 X\r\nContent-Length: 1000\r\n\r\n';
  assert.is(receive(text + 'x'.repeat(1000), limitedTo(text.length)).body.length, 1000);
});

limits.run();

const fuzz = suite('http-response · any bytes');

const parts = [
  'HTTP/1.1 101 X\r\n',
  'HTTP/1.1 401 X\r\n',
  'HTTP/1.1 103 X\r\n',
  'Content-Length: 3\r\n',
  'Transfer-Encoding: chunked\r\n',
  'A: b\r\n',
  '\r\n',
  '3\r\nabc\r\n',
  '0\r\n\r\n',
  'abc',
  '\r',
  '\n',
  ' ',
  '\0',
  ':',
  '\xff',
];

fuzz('whatever comes, nothing is thrown, every split gives the same, and the end is the end', () => {
  const count = runs(3000);
  const random = new Random();
  const seen = new Set<unknown>();
  for (let run = 0; run < count; run++) {
    const start = random.below(4) === 0 ? '' : random.pick(parts.slice(0, 3));
    const text = start + Array.from({ length: random.below(12) }, () => random.pick(parts)).join('');
    const end = random.below(2) === 0;
    const result = receive(text, { end, ...limitedTo(random.pick([60, 1000]), random.pick([2, 100])) });
    assert.ok(result.isDone || !end, `seed ${seed}, run ${run}: ${JSON.stringify(text)}`);
    seen.add(result.fault?.[0] ?? (result.isDone && result.status));
  }
  const expected = [
    'ERR_WS_HEAD_TOO_LARGE',
    'ERR_WS_RESPONSE_INCOMPLETE',
    'ERR_WS_RESPONSE_MALFORMED',
    101,
    401,
    false,
  ];
  if (count >= 3000) assert.equal([...seen].map(String).sort(), expected.map(String).sort());
});

fuzz.run();
