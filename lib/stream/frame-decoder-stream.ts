// Bytes in, frames out, as a transform: RFC 6455 §5.2 to §5.5.

import { ConnectionError } from '../error.ts';
import type { Frame } from '../frame/frame.ts';
import { FrameAssembler } from '../frame/frame-assembler.ts';
import { FrameDecoder, type FrameDecoderOptions } from '../frame/frame-decoder.ts';
import { defaultLimits } from '../limits.ts';
import { TransformPair } from './transform-pair.ts';

/**
 * Decodes whole frames, not masked, of one direction of a connection. Usable with nothing else of the library.
 *
 * The stream errors with a RemoteProtocolError or LimitError when the bytes break a rule, and with a ConnectionError when they end inside a frame. The
 * chunks that are written are not changed.
 *
 * @example
 * for await (const frame of bytes.pipeThrough(new FrameDecoderStream({ role: 'server' }))) console.log(frame.opcode);
 */
export class FrameDecoderStream extends TransformPair<Uint8Array, Frame> {
  /** @param options The role of the receiving side, and limits: `maxFrameSize` is 1 MiB unless given. */
  constructor(options: FrameDecoderOptions) {
    const decoder = new FrameDecoder({ ...options, maxFrameSize: options.maxFrameSize ?? defaultLimits.maxFrameSize });
    const assembler = new FrameAssembler();
    super({
      transform(chunk, controller) {
        if (!(chunk instanceof Uint8Array)) throw new TypeError('Cannot decode frames: a chunk is no Uint8Array');
        decoder.push(chunk);
        for (let piece = decoder.next(); piece !== undefined; piece = decoder.next()) {
          const frame = assembler.push(piece);
          if (frame !== undefined) controller.enqueue(frame);
        }
        if (decoder.fault !== undefined) throw decoder.fault;
      },
      flush() {
        if (decoder.isBetweenFrames) return;
        throw new ConnectionError('ERR_WS_CONNECTION_LOST', 'The bytes ended inside a frame');
      },
    });
  }
}
