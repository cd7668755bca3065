// What must hold in every run of the model, whatever was done in it: while it goes on, and when both jobs have settled.

import type { CloseInfo } from '../../lib/connection/close-info.ts';
import { errorCodes, MillraceError } from '../../lib/error.ts';
import { isSendableCloseCode } from '../../lib/frame/close-code.ts';
import { ITEM_OVERHEAD } from '../../lib/limits.ts';
import { known } from './model-known.ts';
import type { Side } from './model-side.ts';

type Fault = (text: string) => void;

/** A header has at most so many bytes. */
const HEADER = 14;
/** What is gathered of a streamed message before it is sent as a fragment. */
const FRAGMENT = 65_536;
const CLOSE_FRAME = 125 + HEADER + ITEM_OVERHEAD;

/** What may be kept, at any time. `largest` is the longest message of the run. */
export function judgeMemory(side: Side, largest: number, fault: Fault): void {
  const { messages, queueSize, lookAhead, fragmentSize, writer, slowConsumer } = side.plan;
  const { unread, queued } = side.session.counters;
  // A streamed message counts as an item, and each chunk of it as another.
  const mostUnread = (messages === 'streamed' ? 2 : 1) * (queueSize + lookAhead) + largest + ITEM_OVERHEAD;
  // When the connection is lost, the chunk at hand is decoded to its end: that much more.
  if (side.session.signal.aborted) return;
  if (unread > mostUnread) fault(`the ${side.who} keeps ${unread} unread, more than ${mostUnread}`);
  // Who does not wait, where waiting is the policy, queues what it likes.
  if (writer === 'rude' && slowConsumer === 'wait') return;
  const frames = fragmentSize === undefined ? 1 : Math.ceil((3 * largest) / fragmentSize) + 1;
  // A streamed message that waits for its turn counts as an item.
  const bodies = side.made * ITEM_OVERHEAD + FRAGMENT;
  // The newest is kept although there is no room, where older ones make room as far as they can.
  const newest = slowConsumer === 'drop-oldest' || slowConsumer === 'latest' ? largest + ITEM_OVERHEAD : 0;
  const mostQueued = queueSize + largest + newest + frames * (ITEM_OVERHEAD + HEADER) + bodies + CLOSE_FRAME;
  if (queued > mostQueued) fault(`the ${side.who} keeps ${queued} queued, more than ${mostQueued}`);
}

/** What a side's own story must be. */
export function judgeSide(side: Side, info: CloseInfo, fault: Fault): void {
  const tell = (text: string): void => fault(`the ${side.who} ${text}`);
  const { received, sent, wasClean, closeCode, error, abandoned } = info;
  if (closeCode !== (received?.closeCode ?? 1006)) tell(`reports ${closeCode}, its peer said ${received?.closeCode}`);
  if (wasClean && (received === undefined || sent === undefined)) tell('calls it clean without both close frames');
  if (!wasClean && error === undefined) tell('does not tell why it was not clean');
  for (const status of [received, sent]) {
    const code = status?.closeCode ?? 1000;
    if (code !== 1005 && !isSendableCloseCode(code)) tell(`has a close frame with ${code}`);
  }
  if (error instanceof MillraceError && !(error.code in errorCodes)) tell(`has an unknown error: ${error.code}`);
  if (error !== undefined && !(error instanceof MillraceError) && error.message !== 'The handler throws')
    tell(`ends with ${String(error)}`);
  for (const [what, count] of side.pending) tell(`has ${count} promises that have not settled: ${what}`);
  const { queued, unread } = side.session.counters;
  if (queued !== 0) tell(`has ${queued} queued at its end`);
  const { reader } = side;
  if (!reader.hasReadAll || (known.cancelledUncounted && reader.isCancelled)) return;
  if (unread !== 0) tell(`has read to the end, and ${unread} are unread`);
  const left = side.session.counters.messagesReceived - reader.read - abandoned.messages;
  if (left !== 0) tell(`has read ${reader.read} and abandoned ${abandoned.messages} messages, and ${left} more came`);
}

/** What both stories must be together: `reader` is the side that receives from `writer`. */
export function judgeDirection(writer: Side, said: CloseInfo, reader: Side, heard: CloseInfo, fault: Fault): void {
  if (Number.isFinite(reader.reader.dirtyFrom)) return;
  const { received } = heard;
  if (reader.isSpoiled && received !== undefined) {
    return fault(`the ${reader.who} has received a close frame behind a header that was spoiled`);
  }
  const { messagesReceived } = reader.session.counters;
  const { messagesSent } = writer.session.counters;
  if (messagesReceived > messagesSent) fault(`the ${reader.who} has received more than was sent`);
  if (received === undefined) return;
  // The close frame is the last: all that was sent before it has come, but for what could not be finished, and what the writer says it has left behind.
  const broken = writer.writer.sent.filter(({ isBroken }) => isBroken).length;
  if (messagesReceived < messagesSent - broken && said.abandoned.bytes === 0) {
    fault(`the ${reader.who} has received a close frame, and ${messagesReceived} messages of ${messagesSent}`);
  }
  const { sent } = said;
  if (received.closeCode !== sent?.closeCode || received.reason !== sent.reason) {
    fault(`the ${reader.who} was told ${received.closeCode}, but ${sent?.closeCode} was said`);
  }
  // Bytes that were changed on their way may look like a close frame, which nobody has sent.
  if (Number.isFinite(writer.reader.dirtyFrom)) return;
  if (said.wasClean && heard.wasClean && said.initiator === 'remote' && heard.initiator === 'remote') {
    fault('each side says that the other began');
  }
}

/** How the job of a side must have ended. */
export function judgeState(side: Side, info: CloseInfo, fault: Fault): void {
  const { state } = side.job;
  const isWell = info.wasClean && info.error === undefined && !info.abandoned.handler;
  if (state === 'completed' && !isWell) fault(`the job of the ${side.who} is completed, but did not end well`);
  if (state === 'failed' && isWell) fault(`the job of the ${side.who} has failed, but nothing tells why`);
  if (state === 'running' || state === 'closing') fault(`the job of the ${side.who} is ${state}`);
  if (!side.session.signal.aborted) fault(`the signal of the ${side.who} is not aborted`);
}
