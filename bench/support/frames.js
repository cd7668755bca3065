// Frames as a client sends them, and a reader of what comes back: by hand, so that the peer costs little and knows nothing of the library.

const KEY = [0x37, 0xfa, 0x21, 0x3d];

export const OPCODE = { CONTINUATION: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 };

/**
 * The bytes of a masked frame.
 *
 * @param {number} opcode
 * @param {Uint8Array} payload
 */
export function frame(opcode, payload, fin = true, rsv = 0) {
  const { byteLength } = payload;
  const extended = byteLength < 126 ? 0 : byteLength < 65_536 ? 2 : 8;
  const bytes = Buffer.alloc(2 + extended + 4 + byteLength);
  bytes[0] = (fin ? 0x80 : 0) | rsv | opcode;
  bytes[1] = 0x80 | (extended === 0 ? byteLength : extended === 2 ? 126 : 127);
  if (extended === 2) bytes.writeUInt16BE(byteLength, 2);
  if (extended === 8) bytes.writeBigUInt64BE(BigInt(byteLength), 2);
  bytes.set(KEY, 2 + extended);
  for (let at = 0; at < byteLength; at++) bytes[6 + extended + at] = payload[at] ^ KEY[at & 3];
  return bytes;
}

/** @param {number} [code] */
export function closeFrame(code = 1000) {
  return frame(OPCODE.CLOSE, Uint8Array.of(code >> 8, code & 0xff));
}

/**
 * @param {string} path
 * @param {string} [extensions]
 */
export function request(path = '/', extensions) {
  return [
    `GET ${path} HTTP/1.1`,
    'Host: 127.0.0.1',
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version: 13',
    ...(extensions === undefined ? [] : [`Sec-WebSocket-Extensions: ${extensions}`]),
    '\r\n',
  ].join('\r\n');
}

/** Reads frames of a server from pieces of any size, and keeps nothing of their payloads. */
export class FrameCounter {
  /** Bytes of payload of data frames. */
  bytes = 0;
  /** Whole messages. */
  messages = 0;
  /** Those of them whose first frame had RSV1. */
  compressed = 0;
  /** @type {number | undefined} */
  closeCode;
  /** Behind each whole message. */
  onMessage = () => {};
  /** Given the payload of data frames as it comes, for who looks at it. @type {((bytes: Buffer) => void) | undefined} */
  onBytes;
  #header = Buffer.alloc(0);
  #left = 0;
  #isData = false;
  #isLast = false;

  /** @param {Buffer} chunk */
  push(chunk) {
    let at = 0;
    while (at < chunk.byteLength) {
      if (this.#left > 0) {
        const size = Math.min(this.#left, chunk.byteLength - at);
        if (this.#isData) this.onBytes?.(chunk.subarray(at, at + size));
        this.#take(size);
        at += size;
      } else {
        at = this.#readHeader(chunk, at);
      }
    }
  }

  /** @param {number} size */
  #take(size) {
    this.#left -= size;
    if (!this.#isData) return;
    this.bytes += size;
    if (this.#left === 0 && this.#isLast) this.#endMessage();
  }

  #endMessage() {
    this.messages++;
    this.onMessage();
  }

  // One byte after the other: a header may be cut anywhere.
  /**
   * @param {Buffer} chunk
   * @param {number} from
   */
  #readHeader(chunk, from) {
    let at = from;
    // Most headers of data frames come whole.
    if (this.#header.byteLength === 0 && at + 4 <= chunk.byteLength && (chunk[at] & 0x0f) <= OPCODE.BINARY) {
      const code = chunk[at + 1] & 0x7f;
      const size = code < 126 ? 2 : 4;
      if (code !== 127) {
        this.#begin(chunk.subarray(at, at + size), code, chunk[at] & 0x0f);
        return at + size;
      }
    }
    for (;;) {
      const header = this.#header;
      const code = header.byteLength > 1 ? header[1] & 0x7f : 0;
      const opcode = header.byteLength > 0 ? header[0] & 0x0f : 0;
      const size = 2 + (code === 126 ? 2 : code === 127 ? 8 : 0) + (opcode === OPCODE.CLOSE && code >= 2 ? 2 : 0);
      if (header.byteLength >= 2 && header.byteLength === size) {
        this.#begin(header, code, opcode);
        return at;
      }
      if (at === chunk.byteLength) return at;
      this.#header = Buffer.concat([header, chunk.subarray(at, at + 1)]);
      at++;
    }
  }

  /**
   * @param {Buffer} header
   * @param {number} code
   * @param {number} opcode
   */
  #begin(header, code, opcode) {
    this.#header = Buffer.alloc(0);
    this.#left = code === 126 ? header.readUInt16BE(2) : code === 127 ? Number(header.readBigUInt64BE(2)) : code;
    this.#isData = opcode <= OPCODE.BINARY;
    this.#isLast = (header[0] & 0x80) !== 0;
    if (this.#isData && (header[0] & 0x40) !== 0) this.compressed++;
    if (opcode === OPCODE.CLOSE) {
      this.closeCode = code >= 2 ? header.readUInt16BE(2) : 1005;
      if (code >= 2) this.#left -= 2;
    }
    if (this.#isData && this.#left === 0 && this.#isLast) this.#endMessage();
  }
}
