// Frames in, bytes out, as a transform: RFC 6455 §5.2 and §5.3.

import { OutputQueue, Slab } from '../bytes/output-queue.ts';
import type { Frame } from '../frame/frame.ts';
import { FrameEncoder, type FrameEncoderOptions } from '../frame/frame-encoder.ts';
import { createMaskingKeys } from './masking-keys.ts';
import { TransformPair } from './transform-pair.ts';

/**
 * Encodes the frames of one direction of a connection, each as one chunk of its own. A client's are masked, with keys from the platform's strong source of
 * randomness unless `maskingKey` is given. The frames are not changed.
 *
 * @example
 * frames.pipeThrough(new FrameEncoderStream({ role: 'server' })).pipeTo(bytes);
 */
export class FrameEncoderStream extends TransformPair<Frame, Uint8Array> {
  /** @param options The role of the sending side. */
  constructor(options: FrameEncoderOptions) {
    const queue = new OutputQueue(new Slab());
    const encoder = new FrameEncoder(queue, { maskingKey: createMaskingKeys(), ...options });
    super({
      transform(frame, controller) {
        if (!(frame?.payload instanceof Uint8Array))
          throw new TypeError('Cannot encode a frame: its payload is no Uint8Array');
        encoder.encode(frame);
        const pieces: Uint8Array[] = [];
        queue.take(Number.MAX_SAFE_INTEGER, pieces);
        controller.enqueue(joinCopy(pieces));
      },
    });
  }
}

// Never a view of the slab: whoever gets the chunk may transfer its buffer.
function joinCopy(pieces: readonly Uint8Array[]): Uint8Array {
  const chunk = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.byteLength, 0));
  let offset = 0;
  for (const piece of pieces) {
    chunk.set(piece, offset);
    offset += piece.byteLength;
  }
  return chunk;
}
