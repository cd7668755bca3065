// A WebSocket client by hand over a TCP socket: any request, any bytes, and a small parser of its own for what comes back. It shares no
// code with the library.

import { createHash } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import * as assert from 'uvu/assert';
import { closePayload, KEY, toBytes, type WireFrame, wireHeader } from './frames.ts';
import { turn, within } from './until.ts';

/** How the server ended its half of the connection. */
export type Ending = 'fin' | 'reset';

/** A frame that came. */
export interface PeerFrame {
  readonly fin: boolean;
  readonly rsv: number;
  readonly opcode: number;
  readonly isMasked: boolean;
  /** How many bits the length was written in. */
  readonly lengthBits: 7 | 16 | 64;
  readonly payload: Buffer;
}

/** An HTTP response. */
export interface PeerResponse {
  readonly status: number;
  /** Names in lower case, in their order. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

/** What a request says. A header with several values is repeated, one with `undefined` is left out. */
export interface RequestOptions {
  readonly method?: string;
  readonly target?: string;
  readonly version?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** The key of RFC 6455 §1.3. */
export const SAMPLE_KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

/** Writes the head of a request: by default a good opening handshake. Each character is one byte. */
export function requestHead(port: number, options: RequestOptions = {}): Buffer {
  const { method = 'GET', target = '/', version = '1.1' } = options;
  const headers: Record<string, string | readonly string[] | undefined> = {
    Host: `127.0.0.1:${port}`,
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': SAMPLE_KEY,
    'Sec-WebSocket-Version': '13',
    ...options.headers,
  };
  let head = `${method} ${target} HTTP/${version}\r\n`;
  for (const [name, values] of Object.entries(headers)) {
    for (const value of values === undefined ? [] : [values].flat()) head += `${name}: ${value}\r\n`;
  }
  return Buffer.from(`${head}\r\n`, 'latin1');
}

/** A frame as a client sends it. */
export function masked(frame: WireFrame): Uint8Array {
  const { maskingKey = KEY, payload = '' } = frame;
  const header = wireHeader({ ...frame, maskingKey });
  const bytes = toBytes(payload);
  const whole = new Uint8Array(header.byteLength + bytes.byteLength);
  whole.set(header);
  // A plain loop: some payloads have many megabytes.
  for (let index = 0; index < bytes.byteLength; index++) {
    whole[header.byteLength + index] = (bytes[index] as number) ^ (maskingKey[index & 3] as number);
  }
  return whole;
}

export function text(payload: string | Uint8Array, fin = true): Uint8Array {
  return masked({ opcode: 1, payload, fin });
}

export function binary(payload: Uint8Array, fin = true): Uint8Array {
  return masked({ opcode: 2, payload, fin });
}

export function continuation(payload: string | Uint8Array, fin = true): Uint8Array {
  return masked({ opcode: 0, payload, fin });
}

export function ping(payload: string | Uint8Array = ''): Uint8Array {
  return masked({ opcode: 9, payload });
}

export function pong(payload: string | Uint8Array = ''): Uint8Array {
  return masked({ opcode: 10, payload });
}

/** A close frame; without a code it is empty. */
export function close(code?: number, reason: string | Uint8Array = ''): Uint8Array {
  return masked({ opcode: 8, payload: code === undefined ? '' : closePayload(code, reason) });
}

/** The code and the reason of a close frame; 1005 when it is empty. */
export function closeStatus(frame: PeerFrame): { code: number; reason: string } {
  assert.is(frame.opcode, 8, 'it is a close frame');
  if (frame.payload.byteLength === 0) return { code: 1005, reason: '' };
  return { code: frame.payload.readUInt16BE(0), reason: frame.payload.toString('utf8', 2) };
}

const clients = new Set<RawClient>();

/** One TCP connection. It never closes a half of it by itself. */
export class RawClient implements Disposable {
  readonly socket: Socket;
  /** How the server's half ended. Pending while the socket is paused. */
  readonly ending: Promise<Ending>;
  #chunks: Buffer[] = [];
  #size = 0;
  #ending: Ending | undefined;
  #wasReset = false;
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    clients.add(this);
    socket.once('close', () => clients.delete(this));
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#size += chunk.byteLength;
      this.#wake();
    });
    this.ending = new Promise((resolve) => {
      const end = (ending: Ending): void => {
        this.#ending ??= ending;
        resolve(this.#ending);
        this.#wake();
      };
      socket.on('end', () => end('fin'));
      socket.on('error', () => {
        this.#wasReset = true;
        end('reset');
      });
      socket.on('close', () => end('reset'));
    });
  }

  /** Closes all that are open. */
  static destroyAll(): void {
    for (const client of clients) client.socket.destroy();
  }

  /** Connects, and sends nothing. */
  static async connect(port: number): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const client = new RawClient(socket);
    await within(new Promise((resolve) => socket.once('connect', resolve)), 'a raw connection');
    return client;
  }

  /** Connects and shakes hands. `first` goes out in one packet with the request. */
  static async open(port: number, options: RequestOptions = {}, first?: Uint8Array): Promise<RawClient> {
    const client = await RawClient.connect(port);
    const head = requestHead(port, options);
    client.send(first === undefined ? head : Buffer.concat([head, first]));
    await client.accepted();
    return client;
  }

  /** Reads the response and asserts that it accepts the opening handshake. */
  async accepted(key: string = SAMPLE_KEY): Promise<PeerResponse> {
    const response = await this.response();
    assert.is(response.status, 101, `${response.status} ${response.body}`);
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    assert.is(headerOf(response, 'sec-websocket-accept'), accept);
    return response;
  }

  // --- Sending -------------------------------------------------------------------------------------------------------

  /** Sends the parts in one write. */
  send(...parts: readonly Uint8Array[]): void {
    this.socket.write(parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts));
  }

  /** Sends the bytes one by one, each in a packet and a turn of its own. */
  async drip(...parts: readonly Uint8Array[]): Promise<void> {
    for (const byte of Buffer.concat(parts)) {
      if (this.socket.destroyed || this.#ending === 'reset') return;
      this.socket.write(Uint8Array.of(byte));
      await turn();
    }
  }

  /** Sends FIN: this half is over, the other goes on. */
  end(): void {
    this.socket.end();
  }

  /** Sends RST. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  // --- Receiving -----------------------------------------------------------------------------------------------------

  /** Whether a reset came, also one behind FIN. */
  get wasReset(): boolean {
    return this.#wasReset;
  }

  /** Bytes that have come and were not taken. */
  get buffered(): number {
    return this.#size;
  }

  /** Takes exactly so many bytes; rejects when the connection ends before. */
  async take(size: number): Promise<Buffer> {
    while (this.#size < size) {
      if (this.#ending !== undefined) {
        throw new Error(`Cannot take ${size} bytes: ${this.#ending} after ${this.#size}`);
      }
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await within(woken, `${size} bytes from the server, ${this.#size} have come`);
    }
    if (size === 0) return Buffer.alloc(0);
    const whole = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks);
    this.#size -= size;
    this.#chunks = this.#size === 0 ? [] : [whole.subarray(size)];
    return whole.subarray(0, size);
  }

  /** All that still comes until the server's half ends. */
  async rest(): Promise<Buffer> {
    await within(this.ending, 'the end of the connection');
    return this.take(this.#size);
  }

  /** Reads an HTTP response; its body as its Content-Length says, or up to the end. */
  async response(method = 'GET'): Promise<PeerResponse> {
    let head = '';
    while (!head.endsWith('\r\n\r\n')) head += (await this.take(1)).toString('latin1');
    const [statusLine = '', ...lines] = head.trimEnd().split('\r\n');
    const headers = lines.map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    });
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]);
    const length = headers.find(([name]) => name === 'content-length')?.[1];
    const hasBody = method !== 'HEAD' && status !== 101;
    const body = !hasBody ? '' : (await (length === undefined ? this.rest() : this.take(Number(length)))).toString();
    return { status, headers, body };
  }

  /** Reads the next frame. */
  async frame(): Promise<PeerFrame> {
    const [first = 0, second = 0] = await this.take(2);
    const code = second & 0x7f;
    let length = code;
    if (code === 126) length = (await this.take(2)).readUInt16BE(0);
    else if (code === 127) length = Number((await this.take(8)).readBigUInt64BE(0));
    const isMasked = (second & 0x80) !== 0;
    const key = isMasked ? await this.take(4) : undefined;
    const payload = await this.take(length);
    return {
      fin: (first & 0x80) !== 0,
      rsv: first & 0x70,
      opcode: first & 0x0f,
      isMasked,
      lengthBits: code === 126 ? 16 : code === 127 ? 64 : 7,
      payload: key === undefined ? payload : Buffer.from(payload.map((byte, at) => byte ^ (key[at % 4] as number))),
    };
  }

  /** Reads so many frames. */
  async frames(count: number): Promise<PeerFrame[]> {
    const frames: PeerFrame[] = [];
    while (frames.length < count) frames.push(await this.frame());
    return frames;
  }

  /** Reads frames up to the close frame, and gives what was before it beside it. */
  async untilClose(): Promise<{ code: number; reason: string; before: PeerFrame[] }> {
    const before: PeerFrame[] = [];
    for (;;) {
      const frame = await this.frame();
      if (frame.opcode === 8) return { ...closeStatus(frame), before };
      before.push(frame);
    }
  }

  /** Asserts that the server's half has ended well and that nothing more came. */
  async finished(): Promise<void> {
    assert.is(await within(this.ending, 'FIN from the server'), 'fin');
    assert.is(this.#size, 0, 'nothing comes behind the close frame');
  }
}

/** The value of a header field of a response; undefined without one. */
export function headerOf(response: PeerResponse, name: string): string | undefined {
  const values = response.headers.filter(([key]) => key === name).map(([, value]) => value);
  assert.ok(values.length < 2, `${name} comes ${values.length} times`);
  return values[0];
}
