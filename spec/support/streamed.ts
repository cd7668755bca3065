// Sessions whose messages are read as they come, in memory: their peer is the test.

import type { StreamedMessage } from '../../lib/connection/streamed-message.ts';
import type { Session } from '../../lib/job/session.ts';
import { ByHand, type JobSettings } from './pair.ts';

export type StreamedSession = Session<undefined, StreamedMessage>;

export interface StreamedSettings extends Omit<JobSettings, 'handler' | 'messages'> {
  readonly handler?: (session: StreamedSession) => unknown;
}

/** The settings of a job that streams its messages, for `createPair` and `ByHand`. */
export function streamed(settings: StreamedSettings = {}): JobSettings {
  return { ...settings, messages: 'streamed' } as unknown as JobSettings;
}

/** The session of such a job. */
export function sessionOf(job: { readonly session: unknown }): StreamedSession {
  return job.session as StreamedSession;
}

/** A job that streams its messages, whose peer is the test. */
export function createStreamed(settings: StreamedSettings = {}): { peer: ByHand; session: StreamedSession } {
  const peer = new ByHand(streamed(settings));
  return { peer, session: sessionOf(peer.job) };
}
