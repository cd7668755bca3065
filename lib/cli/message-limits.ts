// The limits that a longest message asks for.

import { defaultLimits, type ProtocolLimits } from '../limits.ts';

/** Whoever takes longer messages takes more fragments too: otherwise the default for them would cut the size that was asked for. */
export function toMessageLimits(maxMessageSize: number): Pick<ProtocolLimits, 'maxMessageSize' | 'maxFragments'> {
  const isRaised = maxMessageSize > defaultLimits.maxMessageSize;
  const maxFragments = isRaised ? Math.ceil(maxMessageSize / 64) : defaultLimits.maxFragments;
  return { maxMessageSize, maxFragments };
}
