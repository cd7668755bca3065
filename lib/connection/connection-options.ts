// What a connection is made with: its options, and whom it asks and tells.

import type { AgreedExtension } from '../extension/extension-negotiation.ts';
import type { Role } from '../frame/frame.ts';
import type { ConnectionLimits } from '../limits.ts';
import type { EndingOwner } from './ending.ts';
import type { ResolvedSlowConsumer } from './slow-consumer.ts';

/** What the connection asks and tells the session. */
export interface ConnectionOwner extends Omit<EndingOwner, 'closingBegun'> {
  /** An extension of the caller's has thrown. */
  extensionFailed(error: unknown): void;
}

export interface ConnectionOptions {
  readonly role: Role;
  readonly limits: ConnectionLimits;
  readonly fragmentSize: number | undefined;
  /** Whether the connection is one of frames, not of messages. */
  readonly raw: boolean;
  readonly rsvBits: number;
  readonly extensions: readonly AgreedExtension[];
  /** Whether messages are given as they come. */
  readonly streamed: boolean;
  readonly slowConsumer: ResolvedSlowConsumer;
}
