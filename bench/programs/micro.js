// One of the smallest pieces of work, again and again in a process of its own. Arguments: the work, who does it, the size of a message, and what the work asks for more. Of millrace it uses what everybody can.

import { isUtf8 } from 'node:buffer';
import { createRequire } from 'node:module';
import {
  FrameDecoder,
  FrameEncoder,
  MessageAssembler,
  maskInPlace,
  OutputQueue,
  Slab,
  Utf8Validator,
} from 'millrace/core';
import { payloadOf, unmaskedFrame } from '../support/echo-fixture.js';
import { frame, OPCODE } from '../support/frames.js';
import { messageChunks, textOf } from '../support/micro-fixture.js';
import { answer } from '../support/process.js';

const require = createRequire(import.meta.url);
/** How many frames are encoded before they are taken to be written, all of them at once. */
const FRAMES = 16;

/**
 * @typedef {object} Job
 * @property {number} [batch] How many messages a step has. Default: 1.
 * @property {() => void} step
 * @property {() => boolean} check Whether the first step has done what it should.
 */

/** @param {unknown} is @param {string} what */
function assert(is, what) {
  if (!is) throw new Error(what);
}

/** Masking keys as a client takes them: many random numbers at a time. */
function keys() {
  const pool = new Uint32Array(2048);
  let at = pool.length;
  return () => {
    if (at === pool.length) {
      crypto.getRandomValues(pool);
      at = 0;
    }
    return pool[at++];
  };
}

/** Frames in, messages out. The bytes are unmasked where they are: each step turns what the one before has left, and does the same work. */
const decoders = {
  millrace: (onMessage) => {
    const decoder = new FrameDecoder({ role: 'server' });
    const assembler = new MessageAssembler();
    return (chunk) => {
      decoder.push(chunk, true);
      for (let piece = decoder.next(); piece !== undefined; piece = decoder.next()) {
        const message = assembler.push(piece);
        if (message !== undefined) onMessage(message);
      }
    };
  },
  frames: (onMessage) => {
    const decoder = new FrameDecoder({ role: 'server' });
    return (chunk) => {
      decoder.push(chunk, true);
      for (let piece = decoder.next(); piece !== undefined; piece = decoder.next()) {
        if (piece.isLast && piece.fin) onMessage();
      }
    };
  },
  ws: (onMessage) => {
    const { Receiver } = require('ws');
    const receiver = new Receiver({ isServer: true, binaryType: 'nodebuffer' });
    receiver.on('message', onMessage);
    return (chunk) => receiver.write(chunk);
  },
};

/** @type {Record<string, (who: string, size: number, more: string) => Job>} */
const jobs = {
  decode: (who, size, more) => {
    const { payload, messages, chunks } = messageChunks(size, Number(more));
    let count = 0;
    let isRight = true;
    let isChecked = true;
    const decode = decoders[who]?.((message) => {
      count++;
      if (isChecked && message !== undefined) isRight &&= payload.equals(message);
    });
    return {
      batch: messages,
      step: () => {
        for (const chunk of chunks) decode(chunk);
      },
      check: () => {
        isChecked = false;
        return isRight && count === messages;
      },
    };
  },
  encode: (who, size, more) => {
    const isMasked = more === 'masked';
    const payload = payloadOf(size);
    /** @type {Uint8Array[]} */
    let pieces = [];
    const queue = new OutputQueue(new Slab());
    const encoder = new FrameEncoder(queue, isMasked ? { role: 'client', maskingKey: keys() } : { role: 'server' });
    const steps = {
      millrace: () => {
        pieces = [];
        for (let at = 0; at < FRAMES; at++) encoder.encodeBytes(0x80 | OPCODE.BINARY, payload);
        queue.take(Number.MAX_SAFE_INTEGER, pieces);
      },
      ws: () => {
        pieces = [];
        for (let at = 0; at < FRAMES; at++) pieces.push(...Sender.frame(payload, options));
      },
    };
    const { Sender } = require('ws');
    const options = { fin: true, rsv1: false, opcode: OPCODE.BINARY, mask: isMasked, readOnly: true };
    return {
      batch: FRAMES,
      step: steps[who],
      check: () => isFrames(Buffer.concat(pieces), payload, isMasked),
    };
  },
  mask: (who, size) => {
    const payload = payloadOf(size);
    const bytes = Buffer.from(payload);
    // The same key for both: that of the fixture's frames.
    const key = Buffer.of(0x37, 0xfa, 0x21, 0x3d);
    const word = key.readUInt32BE();
    const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const { unmask } = require('bufferutil');
    const steps = { millrace: () => maskInPlace(plain, 0, size, word), bufferutil: () => unmask(bytes, key) };
    return {
      step: steps[who],
      check: () => bytes.equals(frame(OPCODE.BINARY, payload).subarray(-size)),
    };
  },
  validate: (who, size, more) => {
    const text = textOf(size, more);
    const validator = new Utf8Validator();
    const isValid = require('utf-8-validate');
    const ways = {
      millrace: (bytes) => {
        validator.reset();
        return validator.push(bytes) && validator.isComplete;
      },
      'utf-8-validate': isValid,
      'buffer.isUtf8': isUtf8,
    };
    const way = ways[who];
    let isRight = true;
    return {
      step: () => {
        isRight = way(text) && isRight;
      },
      // One that is cut in its last character, and one that is none at all.
      check: () => isRight && !way(Buffer.concat([text, Buffer.of(0xe4, 0xb8)])) && !way(Buffer.of(0xc0, 0x80)),
    };
  },
  text: (who, size, more) => {
    const bytes = textOf(size, more);
    const expected = bytes.toString();
    const assembler = new MessageAssembler();
    const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const place = { isFirst: true, isLast: true, start: 0, end: size, payloadLength: size, isLent: false };
    let string;
    const steps = {
      millrace: () => {
        string = assembler.push({ opcode: OPCODE.TEXT, fin: true, rsv: 0, bytes: plain, ...place });
      },
      'buffer.isUtf8': () => {
        string = isUtf8(bytes) ? bytes.toString() : undefined;
      },
    };
    return { step: steps[who], check: () => string === expected };
  },
};

/** Whether bytes are as many frames of that payload. @param {Buffer} bytes @param {Buffer} payload @param {boolean} isMasked */
function isFrames(bytes, payload, isMasked) {
  const one = unmaskedFrame(payload, OPCODE.BINARY);
  if (!isMasked) return bytes.equals(Buffer.concat(Array(FRAMES).fill(one)));
  const decoder = new FrameDecoder({ role: 'server' });
  const assembler = new MessageAssembler();
  let count = 0;
  decoder.push(bytes);
  for (let piece = decoder.next(); piece !== undefined; piece = decoder.next()) {
    if (!payload.equals(/** @type {Uint8Array} */ (assembler.push(piece)))) return false;
    count++;
  }
  return count === FRAMES && bytes.byteLength === FRAMES * (one.byteLength + 4);
}

const [work = '', who = '', size = '', more = ''] = process.argv.slice(2);
const { batch = 1, step, check } = jobs[work](who, Number(size), more);

answer({
  check: () => {
    step();
    assert(check(), `${who} does something else than it should: ${work}`);
    return { batch };
  },
  run: ({ count }) => {
    const begun = process.hrtime.bigint();
    for (let at = 0; at < count; at++) step();
    return { seconds: Number(process.hrtime.bigint() - begun) / 1e9 };
  },
});
console.log('ready 0');
