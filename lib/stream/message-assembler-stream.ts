// Frames in, messages out, as a transform: RFC 6455 §5.4 and §5.6.

import { RemoteProtocolError } from '../error.ts';
import type { Frame } from '../frame/frame.ts';
import { isControlOpcode, Opcode } from '../frame/opcode.ts';
import { defaultLimits } from '../limits.ts';
import type { Message } from '../message/message.ts';
import { MessageAssembler, type MessageAssemblerLimits } from '../message/message-assembler.ts';
import { TransformPair } from './transform-pair.ts';

/**
 * Joins the fragments of messages: text as strings, binary as bytes. Control frames are passed over: who wants to answer them looks at the frames.
 *
 * The stream errors with a RemoteProtocolError when the fragments are out of order or a text is not UTF-8, and with a LimitError over a limit.
 *
 * @example
 * bytes.pipeThrough(new FrameDecoderStream({ role: 'server' })).pipeThrough(new MessageAssemblerStream());
 */
export class MessageAssemblerStream extends TransformPair<Frame, Message> {
  /** @param limits What is left out is as in `defaultLimits`. */
  constructor(limits: MessageAssemblerLimits = {}) {
    const { maxMessageSize, maxFragments } = { ...defaultLimits, ...limits };
    const assembler = new MessageAssembler({ maxMessageSize, maxFragments });
    let isInMessage = false;
    super({
      transform(frame, controller) {
        if (isControlOpcode(frame.opcode)) return;
        assertOrder(frame, isInMessage);
        isInMessage = !frame.fin;
        const { opcode, fin, payload } = frame;
        const length = payload.byteLength;
        const whole = {
          isFirst: true,
          isLast: true,
          rsv: 0,
          payloadLength: length,
          bytes: payload,
          start: 0,
          end: length,
          isLent: false,
        };
        const message = assembler.push({ opcode, fin, ...whole });
        if (assembler.fault !== undefined) throw assembler.fault;
        if (message !== undefined) controller.enqueue(message);
      },
    });
  }
}

// Frames of a FrameDecoder are in order; these may come from anywhere.
function assertOrder({ opcode }: Frame, isInMessage: boolean): void {
  const isContinuation = opcode === Opcode.CONTINUATION;
  if (isContinuation === isInMessage) return;
  throw isContinuation
    ? new RemoteProtocolError('ERR_WS_UNEXPECTED_CONTINUATION', 'Continuation frame without a message to continue')
    : new RemoteProtocolError('ERR_WS_EXPECTED_CONTINUATION', 'New message inside a fragmented message');
}
