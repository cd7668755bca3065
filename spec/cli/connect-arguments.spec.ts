import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseArguments } from '../../lib/cli/arguments.ts';
import type { ConnectArguments } from '../../lib/cli/connect-arguments.ts';
import { UsageError } from '../../lib/cli/usage-error.ts';
import { throws } from '../support/check.ts';

const test = suite('connect-arguments');

const URL = 'ws://host/path';

const defaults: ConnectArguments = {
  command: 'connect',
  url: URL,
  isBinary: false,
  headers: [],
  subprotocols: [],
  deflate: false,
  proxy: undefined,
  ca: undefined,
  isInsecure: false,
  maxRedirects: 0,
  maxMessageSize: 64 * 1024 * 1024,
  wait: 0,
  pingInterval: undefined,
  closeCode: 1000,
  closeReason: '',
  isQuiet: false,
};

test('connect without flags has the documented defaults', () => {
  assert.equal(parseArguments(['connect', URL]), defaults);
});

const flags: readonly (readonly [readonly string[], Partial<ConnectArguments>])[] = [
  [['--binary'], { isBinary: true }],
  [
    ['--header', 'A: b', '-H', 'A:c:d '],
    {
      headers: [
        ['A', 'b'],
        ['A', 'c:d'],
      ],
    },
  ],
  [['--header=Empty:'], { headers: [['Empty', '']] }],
  [
    ['--origin', 'https://a.example', '-H', 'X: y'],
    {
      headers: [
        ['X', 'y'],
        ['Origin', 'https://a.example'],
      ],
    },
  ],
  [['--subprotocol', 'b', '--subprotocol=a'], { subprotocols: ['b', 'a'] }],
  [['--deflate'], { deflate: true }],
  [['--proxy', 'http://me:secret@proxy:3128'], { proxy: 'http://me:secret@proxy:3128' }],
  [['--proxy', 'http://a', '--proxy', 'environment'], { proxy: 'environment' }],
  [['--ca', 'ca.pem'], { ca: 'ca.pem' }],
  [['--insecure'], { isInsecure: true }],
  [['--max-redirects', '3'], { maxRedirects: 3 }],
  [['--max-message-size', '10'], { maxMessageSize: 10 }],
  [['--wait', '2.5'], { wait: 2500 }],
  [['--keep-open'], { wait: Number.POSITIVE_INFINITY }],
  [['--keep-open', '--wait', '1'], { wait: Number.POSITIVE_INFINITY }],
  [['--ping', '0.5'], { pingInterval: 500 }],
  [['--close-code', '4001', '--close-reason', 'done'], { closeCode: 4001, closeReason: 'done' }],
  [['--quiet'], { isQuiet: true }],
  [['-q'], { isQuiet: true }],
];

test('every flag is taken, before the command and behind the URL', () => {
  for (const [words, expected] of flags) {
    assert.equal(parseArguments(['connect', URL, ...words]), { ...defaults, ...expected }, words.join(' '));
    assert.equal(parseArguments([...words, 'connect', URL]), { ...defaults, ...expected }, words.join(' '));
  }
});

const wrong: readonly (readonly [readonly string[], RegExp])[] = [
  [[], /no URL/],
  [[URL, 'more'], /unexpected argument "more"/],
  [['host'], /it is no URL/],
  [['localhost:8080'], /its scheme is not ws, wss, http or https/],
  [['ftp://host'], /its scheme/],
  [['ws://host/#part'], /fragment/],
  [[URL, '--header', 'no colon'], /--header must be 'Name: value'/],
  [[URL, '--header', ': value'], /--header must be/],
  [[URL, '--header'], /--header needs a value/],
  [[URL, '-H'], /-H needs a value/],
  [[URL, '--proxy', 'nonsense'], /--proxy must be a URL/],
  [[URL, '--max-redirects', '-1'], /--max-redirects must be an integer from 0 to 100/],
  [[URL, '--max-message-size', '0'], /--max-message-size must be an integer from 1/],
  [[URL, '--wait', '-1'], /--wait must be seconds from 0 to 86400/],
  [[URL, '--wait', 'Infinity'], /--wait must be seconds/],
  [[URL, '--wait', '1e3'], /--wait must be seconds/],
  [[URL, '--ping', '0'], /--ping must be seconds from 0.1/],
  [[URL, '--ping', '86401'], /--ping must be seconds/],
  [[URL, '--close-code', '1005'], /code 1005/],
  [[URL, '--close-code', '999'], /--close-code must be an integer/],
  [[URL, '--close-reason', 'x'.repeat(124)], /the reason has 124 bytes/],
  [[URL, '--quiet=yes'], /--quiet takes no value/],
];

test('a wrong command line is a UsageError of one line', () => {
  for (const [words, message] of wrong) {
    throws(() => parseArguments(['connect', ...words]), UsageError, message);
    throws(() => parseArguments(['connect', ...words]), UsageError, /^[^\n]*; see millrace --help$/);
  }
});

test('what may be a secret is no part of the message', () => {
  for (const words of [[URL, '-H', 'secret'], ['ws://me:secret@host/#x'], [URL, '--proxy', 'secret']]) {
    throws(() => parseArguments(['connect', ...words]), UsageError, /^((?!secret).)*$/);
  }
});

test.run();
