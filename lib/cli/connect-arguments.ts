// What the flags of `millrace connect` ask for.

import { parseTarget } from '../client/target.ts';
import { encodeClosePayload } from '../frame/close-code.ts';
import { LARGEST_SIZE } from './echo-arguments.ts';
import type { Flag, FlagValues } from './flag-values.ts';
import { quote, usage } from './usage-error.ts';

/** `millrace connect` with all its flags filled in. */
export interface ConnectArguments {
  readonly command: 'connect';
  readonly url: string;
  /** Whether standard input is sent as binary messages, as it comes, and binary messages are written as they are. */
  readonly isBinary: boolean;
  readonly headers: readonly (readonly [string, string])[];
  readonly subprotocols: readonly string[];
  readonly deflate: boolean;
  /** A URL, or 'environment'. */
  readonly proxy: string | undefined;
  /** The path of a file of certificates in PEM. */
  readonly ca: string | undefined;
  readonly isInsecure: boolean;
  readonly maxRedirects: number;
  /** The longest message that is taken, and the longest line, in bytes. */
  readonly maxMessageSize: number;
  /** How long after the end of the input the connection stays open, in milliseconds; `Infinity` until the peer closes it. */
  readonly wait: number;
  /** The time between pings in milliseconds; undefined for none. */
  readonly pingInterval: number | undefined;
  readonly closeCode: number;
  readonly closeReason: string;
  readonly isQuiet: boolean;
}

/** The flags that only `connect` has, and those that it shares with others. */
export const connectFlags: { readonly [name: string]: Flag } = {
  binary: { type: 'boolean' },
  header: { type: 'string', short: 'H', multiple: true },
  subprotocol: { type: 'string', multiple: true },
  origin: { type: 'string' },
  deflate: { type: 'boolean' },
  proxy: { type: 'string' },
  ca: { type: 'string' },
  insecure: { type: 'boolean' },
  'max-redirects': { type: 'string' },
  'max-message-size': { type: 'string' },
  wait: { type: 'string' },
  'keep-open': { type: 'boolean' },
  ping: { type: 'string' },
  'close-code': { type: 'string' },
  'close-reason': { type: 'string' },
  quiet: { type: 'boolean', short: 'q' },
};

const MEBIBYTE = 1024 ** 2;
/** The longest message that is taken, and the longest line, unless a flag says otherwise. */
export const DEFAULT_CONNECT_SIZE: number = 64 * MEBIBYTE;
const DAY = 86_400;

/** @throws UsageError */
export function readConnectArguments(values: FlagValues, [url, more]: readonly string[]): ConnectArguments {
  if (url === undefined) throw usage('no URL is given');
  if (more !== undefined) throw usage(`unexpected argument ${quote(more)}`);
  checkUrl(url);
  const wait = values.seconds('wait', 0, DAY) ?? 0;
  const closeCode = values.integer('close-code', 1000, 4999) ?? 1000;
  const closeReason = values.last('close-reason') ?? '';
  checkClose(closeCode, closeReason);
  return {
    command: 'connect',
    url,
    isBinary: values.has('binary'),
    headers: readHeaders(values),
    subprotocols: values.all('subprotocol'),
    deflate: values.has('deflate'),
    proxy: checkProxy(values.last('proxy')),
    ca: values.last('ca'),
    isInsecure: values.has('insecure'),
    maxRedirects: values.integer('max-redirects', 0, 100) ?? 0,
    maxMessageSize: values.integer('max-message-size', 1, LARGEST_SIZE) ?? DEFAULT_CONNECT_SIZE,
    wait: values.has('keep-open') ? Number.POSITIVE_INFINITY : wait,
    pingInterval: values.seconds('ping', 0.1, DAY),
    closeCode,
    closeReason,
    isQuiet: values.has('quiet'),
  };
}

function checkUrl(url: string): void {
  try {
    parseTarget(url);
  } catch (error) {
    throw usage((error as Error).message);
  }
}

function checkClose(closeCode: number, closeReason: string): void {
  try {
    encodeClosePayload(closeCode, closeReason);
  } catch (error) {
    throw usage((error as Error).message);
  }
}

// `connect` knows which of them it can use.
function checkProxy(proxy: string | undefined): string | undefined {
  if (proxy === undefined || proxy === 'environment' || URL.canParse(proxy)) return proxy;
  throw usage('flag --proxy must be a URL, or the word environment');
}

// What a field may hold is known where the request is made.
function readHeaders(values: FlagValues): readonly (readonly [string, string])[] {
  const origin = values.last('origin');
  const headers = values.all('header').map((text): readonly [string, string] => {
    const colon = text.indexOf(':');
    // The value may be a secret: it is not told.
    if (colon <= 0) throw usage(`flag --header must be 'Name: value'`);
    return [text.slice(0, colon), text.slice(colon + 1).trim()];
  });
  return origin === undefined ? headers : [...headers, ['Origin', origin]];
}
