// An open WebSocketStream over a session in memory, the server played by hand.

import { MessageStreams } from '../../lib/client/message-streams.ts';
import { defaultLimits } from '../../lib/limits.ts';
import { ByHand, closePayload, type JobSettings, unmasked } from './pair.ts';

export const TEXT = 0x81;
export const BINARY = 0x82;
export const CLOSE = 0x88;

export interface Opened {
  readonly peer: ByHand;
  readonly streams: MessageStreams;
  readonly writer: WritableStreamDefaultWriter<unknown>;
  readonly reader: ReadableStreamDefaultReader<string | Uint8Array>;
}

/** The streams of a client, and who plays its server. */
export function openStreams(settings: JobSettings = {}): Opened {
  const peer = new ByHand({ role: 'client', ...settings });
  const streams = new MessageStreams(peer.job.session);
  const writer = streams.writable.getWriter();
  const reader = streams.readable.getReader();
  for (const closed of [writer.closed, writer.ready, reader.closed]) closed.catch(() => {});
  return { peer, streams, writer, reader };
}

export type State = { value: unknown; error: unknown; is: 'pending' | 'fulfilled' | 'rejected' };

/** What has become of a promise so far. */
export function watch(promise: Promise<unknown>): State {
  const state: State = { is: 'pending', value: undefined, error: undefined };
  promise.then(
    (value) => Object.assign(state, { is: 'fulfilled', value }),
    (error) => Object.assign(state, { is: 'rejected', error }),
  );
  return state;
}

/** The server closes, or answers a close, and ends. */
export async function closeAsServer(peer: ByHand, code?: number, reason = ''): Promise<void> {
  await peer.send(unmasked(CLOSE, code === undefined ? '' : closePayload(code, reason)));
  await peer.end();
}

/** What has no room at once. */
export const BIG: Uint8Array = new Uint8Array(4 * defaultLimits.queueSize);
