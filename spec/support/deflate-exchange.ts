// One exchange with a server that has agreed on permessage-deflate: bytes go in, messages come back, up to the close frame.

import * as assert from 'uvu/assert';
import type { Session } from '../../lib/job/session.ts';
import { inflated, openDeflating } from './deflate-by-hand.ts';
import { close, type PeerFrame } from './raw-client.ts';
import { endOf, type TestServer } from './server.ts';
import { until } from './until.ts';

/** What came back. */
export interface DeflateExchange {
  /** The messages before the close frame. */
  readonly messages: readonly string[];
  readonly code: number;
  /** The code of the session's error; undefined without one. */
  readonly error: string | undefined;
}

/** What is offered: each message that comes back can be inflated by itself. */
export const ALONE = '; server_no_context_takeover';

/** A message that came back, which is whole in its frame. */
export function plain({ fin, rsv, payload }: PeerFrame): Buffer {
  assert.ok(fin && (rsv === 0 || rsv === 0x40), `RSV is ${rsv}, FIN ${fin}`);
  return rsv === 0 ? payload : inflated(payload);
}

let exchanges = 0;

/** Sends the bytes in one write, or one by one. They must make the server end the connection. */
export async function deflateExchange(
  host: TestServer,
  parts: readonly Uint8Array[],
  { parameters = '', isBytewise = false }: { readonly parameters?: string; readonly isBytewise?: boolean } = {},
): Promise<DeflateExchange> {
  const target = `/deflate/${++exchanges}`;
  using client = await openDeflating(host.port, ALONE + parameters, target);
  const find = (): Session | undefined => host.sessions.find(({ request }) => request?.url === target);
  await until(() => find() !== undefined, 'the handler is called');
  const session = find() as Session;
  const sending = isBytewise ? client.drip(...parts) : client.send(...parts);
  const { code, before } = await client.untilClose();
  await sending;
  await client.finished();
  client.end();
  const { error } = await endOf(session);
  const messages = before.filter(({ opcode }) => opcode < 8).map((frame) => plain(frame).toString('latin1'));
  return { messages, code, error: (error as { code?: string } | undefined)?.code };
}

/** Asserts that the server fails the connection for these bytes, in one write and byte by byte, and has given nothing but these messages before. */
export async function assertDeflateFails(
  host: TestServer,
  parts: readonly Uint8Array[],
  code: number,
  error: string,
  messages: readonly string[] = [],
): Promise<void> {
  const isShort = parts.reduce((sum, { byteLength }) => sum + byteLength, 0) < 400;
  for (const isBytewise of isShort ? [false, true] : [false]) {
    // Whoever notices nothing ends well.
    const result = await deflateExchange(host, [...parts, close(1000)], { isBytewise });
    assert.equal([result.code, result.error], [code, error]);
    // What was echoed before depends on when the handler has its turn: nothing else is.
    assert.equal(result.messages, messages.slice(0, result.messages.length));
  }
  assert.equal(host.reported, [], 'a fault of the peer is no failure of the handler');
}
