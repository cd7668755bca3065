// One exchange with a server that echoes: bytes go in, frames come back up to the close frame. Each is made twice, with the bytes as one write and
// with the bytes one by one, and must come to the same.

import * as assert from 'uvu/assert';
import type { CloseInfo } from '../../lib/connection/close-info.ts';
import type { Session } from '../../lib/job/session.ts';
import { close, type PeerFrame, RawClient } from './raw-client.ts';
import { endOf, type TestServer } from './server.ts';
import { until } from './until.ts';

/** What came back. */
export interface Exchange {
  /** The frames before the close frame, as `text hello`, `binary 00ff`, `pong x`. */
  readonly frames: readonly string[];
  /** The close code of the server's close frame; 1005 when it was empty. */
  readonly code: number;
  /** How the session saw it. */
  readonly info: CloseInfo;
}

const opcodes: Readonly<Record<number, string>> = { 0: 'continuation', 1: 'text', 2: 'binary', 9: 'ping', 10: 'pong' };

/** A frame as a word and its payload; a long payload as its length. */
export function describe({ opcode, payload, fin }: PeerFrame): string {
  const name = `${opcodes[opcode] ?? `opcode ${opcode}`}${fin ? '' : ' without FIN'}`;
  if (payload.byteLength > 200) return `${name} of ${payload.byteLength}`;
  const content = opcode === 2 ? payload.toString('hex') : payload.toString('latin1');
  return content === '' ? name : `${name} ${content}`;
}

// Longer inputs come in pieces of this size behind their start, so that a spec takes its seconds, not minutes.
const BYTEWISE = 400;
const CHOP = 997;

async function sendInPieces(client: RawClient, bytes: Buffer): Promise<void> {
  await client.drip(bytes.subarray(0, BYTEWISE));
  for (let start = BYTEWISE; start < bytes.byteLength; start += CHOP) {
    const piece = bytes.subarray(start, start + CHOP);
    await new Promise((resolve) => client.socket.write(piece, resolve));
  }
}

let exchanges = 0;

async function exchangeOnce(host: TestServer, bytes: Buffer, isWhole: boolean): Promise<Exchange> {
  const target = `/exchange/${++exchanges}`;
  using client = await RawClient.open(host.port, { target });
  const find = (): Session | undefined => host.sessions.find(({ request }) => request?.url === target);
  await until(() => find() !== undefined, 'the handler is called');
  const session = find() as Session;
  const sending = isWhole ? client.send(bytes) : sendInPieces(client, bytes);
  const { code, before } = await client.untilClose();
  await sending;
  // RFC 6455 §7.1.1: the server closes TCP first, and nothing comes behind its close frame.
  await client.finished();
  client.end();
  const info = await endOf(session);
  for (const frame of before) {
    assert.not(frame.isMasked, 'a server does not mask');
    assert.is(frame.rsv, 0, 'no extension is negotiated');
  }
  return { frames: before.map(describe), code, info };
}

/**
 * Sends the bytes to the server, in both ways. They must make it end the connection: a close frame or a fault. Gives what came back.
 */
export async function exchange(host: TestServer, ...parts: readonly Uint8Array[]): Promise<Exchange> {
  const bytes = Buffer.concat(parts);
  const whole = await exchangeOnce(host, bytes, true);
  const bytewise = await exchangeOnce(host, bytes, false);
  assert.is(bytewise.code, whole.code, 'byte by byte the close code is the same');
  assert.equal(errorCode(bytewise), errorCode(whole), 'byte by byte the error is the same');
  // Where the server fails the connection, what it echoes before depends on how much had come when the handler had its turn.
  if (whole.info.wasClean) assert.equal(bytewise.frames, whole.frames, 'byte by byte the frames are the same');
  return bytewise;
}

/** The code of the error that ended the session; undefined without one. */
export function errorCode({ info }: Exchange): string | undefined {
  return (info.error as { code?: string } | undefined)?.code;
}

/** Asserts that the bytes are answered with these frames, and that the close frame behind them ends the connection well. */
export async function assertAnswered(
  host: TestServer,
  parts: readonly Uint8Array[],
  expected: readonly string[],
): Promise<void> {
  const { frames, code, info } = await exchange(host, ...parts, close(1000));
  assert.equal(frames, expected);
  assert.is(code, 1000);
  assert.ok(info.wasClean);
  assert.equal(host.reported, []);
}

/** Asserts that the bytes make the server fail the connection with that close code, behind the frames that it echoes. */
export async function assertFailed(
  host: TestServer,
  parts: readonly Uint8Array[],
  closeCode: number,
  error: string,
  expected: readonly string[] = [],
): Promise<void> {
  const result = await exchange(host, ...parts);
  assert.is(result.code, closeCode);
  assert.is(errorCode(result), error);
  assert.equal(result.frames, expected);
  assert.not(result.info.wasClean);
  assert.is(result.info.initiator, 'local');
  assert.is(result.info.closeCode, 1006, 'no close frame of the client was read');
  assert.equal(host.reported, [], 'a fault of the peer is no failure of the handler');
}
