// The handle of libuv under a TCP or pipe socket of Node's, used without the stream around it: all connections are read into one buffer, and what is written is taken at once, nearly
// always. The stream makes a buffer of 64 KiB and four calls back for each read, and as many for each write. Measured in turns on a busy machine (Node 24): an echo of 64 B with 1 in flight took 12.9 us
// and takes 9.0, `ws` beside it 11.1 and 9.4; of 1 MiB 1,515 us, and takes 874.
//
// The handle is private to Node. So it is taken only in releases that this was tried in, and only where all that it rests on is seen to be there; everywhere else the socket is used as everybody
// uses it.

import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { getSystemErrorName } from 'node:util';
import { copyOf } from '../bytes/allocate.ts';
import { readBuffer } from '../bytes/mask-simd.ts';

/** The releases of Node whose handles are known to be what is described here. That of 26 writes without requests. */
const [FIRST_RELEASE, LAST_RELEASE] = [20, 24];

/** A write, as the handle sees it: calls back unless the write was done when the call returned. */
interface WriteRequest {
  oncomplete: (this: WriteRequest, status: number) => void;
  [OWNER]?: NodeHandle | undefined;
  /** Kept until the system has taken them. */
  [PIECES]?: readonly Uint8Array[];
}

/** What is used of the handle. */
interface StreamHandle {
  /** Called when something was read into the buffer; with an error or at the end `bytesRead` is what it was. */
  onread: (this: StreamHandle, buffer: unknown) => unknown;
  readonly bytesRead: number;
  /** Bytes that the system has not taken. */
  readonly writeQueueSize: number;
  readStart(): number;
  readStop(): number;
  useUserBuffer(buffer: Uint8Array): void;
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number;
  writev(request: WriteRequest, pieces: readonly Uint8Array[], areBytes: true): number;
  [OWNER]?: NodeHandle | undefined;
}

interface HandledSocket extends Socket {
  readonly _handle?: StreamHandle | null;
}

/** Who reads and writes. */
export interface NodeHandleOwner {
  /** Gives what was held back. */
  chunkHeld(chunk: Uint8Array): void;
  /** Lends what was read: it is used again when the call returns. May be changed. */
  chunkRead(chunk: Uint8Array): void;
  /** The write that was not done at once is done. */
  writeDone(): void;
}

const OWNER: unique symbol = Symbol('millrace');
const PIECES: unique symbol = Symbol('millrace pieces');
const methods = ['readStart', 'readStop', 'useUserBuffer', 'writeBuffer', 'writev', 'onread'] as const;
const kinds = ['TCP', 'Pipe'];

/** One for all connections: what was read is used up, or copied, before anything else is read. */
let shared: Uint8Array | undefined;
let lastChunk: Uint8Array = new Uint8Array(0);
/** Node keeps the class of its requests to itself: it is seen at the first write that goes through a socket. */
let Request: (new () => WriteRequest) | undefined;

export class NodeHandle {
  readonly #socket: HandledSocket;
  readonly #handle: StreamHandle;
  readonly #owner: NodeHandleOwner;
  readonly #onEnd: StreamHandle['onread'];
  #bytesRead: number;
  #isPaused = false;
  // What has come while it was paused. What had come before the handle was taken stands in the socket, and goes before it.
  #held: Uint8Array | undefined;
  #request: WriteRequest | undefined;

  private constructor(socket: HandledSocket, handle: StreamHandle, owner: NodeHandleOwner) {
    this.#socket = socket;
    this.#handle = handle;
    this.#owner = owner;
    this.#bytesRead = handle.bytesRead;
    this.#onEnd = handle.onread;
    shared ??= readBuffer();
    handle[OWNER] = this;
    handle.useUserBuffer(shared);
    handle.onread = onRead;
  }

  /** Takes the handle from under a socket. Undefined when it cannot be had: then the socket is as it was. */
  static take(duplex: Duplex, owner: NodeHandleOwner): NodeHandle | undefined {
    const handle = handleOf(duplex);
    return handle === undefined ? undefined : new NodeHandle(duplex as Socket, handle, owner);
  }

  /** Whether what comes is held. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Begins to read, unless the socket was paused. */
  start(): void {
    this.#isPaused = this.#socket.readableFlowing === false;
    if (this.#isPaused) this.#readOn();
    else this.#deliver();
  }

  // Reads on for one chunk more, as a stream does: so it is noticed when the peer goes away.
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#held !== undefined || this.#socket.readableLength > 0) queueMicrotask(() => this.#deliver());
  }

  #deliver(): void {
    // The last of it makes the socket emit its end: so it is read only where it can be given.
    if (this.#canDeliver) this.#give(this.#socket.read());
    if (this.#canDeliver) {
      const held = this.#held;
      this.#held = undefined;
      this.#give(held);
    }
    this.#readOn();
  }

  get #canDeliver(): boolean {
    return !this.#isPaused && !this.#socket.destroyed;
  }

  #give(chunk: Uint8Array | null | undefined): void {
    if (chunk !== null && chunk !== undefined) this.#owner.chunkHeld(chunk);
  }

  #readOn(): void {
    if (this.#held === undefined && !this.#socket.destroyed) this.#handle.readStart();
    else this.#handle.readStop();
  }

  #hold(chunk: Uint8Array): void {
    this.#held = copyOf(chunk, 0, chunk.byteLength);
    this.#handle.readStop();
  }

  /** Whether {@link write} may be called: nothing that was written to the socket waits in it. */
  get canWrite(): boolean {
    if (Request === undefined) watchWrites(this.#handle);
    return Request !== undefined && this.#socket.writableLength === 0 && !this.#socket.destroyed;
  }

  /** Writes the pieces. Whether all of them are taken; otherwise the owner is told when they are, and of an error by the socket. */
  write(pieces: readonly Uint8Array[]): boolean {
    const handle = this.#handle;
    this.#touch();
    const request = new (Request as new () => WriteRequest)();
    request.oncomplete = onWritten;
    request[OWNER] = this;
    const status =
      pieces.length === 1 ? handle.writeBuffer(request, pieces[0] as Uint8Array) : handle.writev(request, pieces, true);
    if (status !== 0) {
      this.#fail(status);
      return false;
    }
    if (handle.writeQueueSize === 0) return true;
    this.#request = request;
    request[PIECES] = pieces;
    return false;
  }

  /** @internal */
  read(buffer: unknown): void {
    const { bytesRead } = this.#handle;
    const size = bytesRead - this.#bytesRead;
    this.#bytesRead = bytesRead;
    if (size <= 0) {
      this.#onEnd.call(this.#handle, buffer);
      return;
    }
    this.#touch();
    if (this.#isPaused) this.#hold(chunkOf(size));
    else if (!this.#socket.destroyed) this.#owner.chunkRead(chunkOf(size));
  }

  /** @internal */
  written(request: WriteRequest, status: number): void {
    if (this.#request !== request) return;
    this.#request = undefined;
    if (this.#socket.destroyed) return;
    if (status < 0) this.#fail(status);
    else this.#owner.writeDone();
  }

  // A socket that is to tell when it is idle (`setTimeout`) is not.
  #touch(): void {
    const { timeout } = this.#socket;
    if (timeout) this.#socket.setTimeout(timeout);
  }

  // As the stream does it: 'error' and 'close' follow.
  #fail(status: number): void {
    const code = getSystemErrorName(status);
    const error = Object.assign(new Error(`write ${code}`), { errno: status, code, syscall: 'write' });
    this.#socket.destroy(error);
  }
}

// Functions, not closures: connections are many.
function onRead(this: StreamHandle, buffer: unknown): void {
  this[OWNER]?.read(buffer);
}

function onWritten(this: WriteRequest, status: number): void {
  this[OWNER]?.written(this, status);
}

// What comes is often as long as what came before: a view is made once.
function chunkOf(size: number): Uint8Array {
  if (lastChunk.byteLength !== size) lastChunk = (shared as Uint8Array).subarray(0, size);
  return lastChunk;
}

function handleOf(duplex: Duplex): StreamHandle | undefined {
  if (!isKnownRelease || duplex.constructor !== Socket) return undefined;
  const socket = duplex as HandledSocket;
  const handle = socket._handle;
  if (handle === undefined || handle === null || !kinds.includes(handle.constructor.name)) return undefined;
  if (socket.destroyed || socket.connecting || !socket.readable) return undefined;
  // Whoever listens to what comes would be told nothing.
  if (socket.listenerCount('data') > 0) return undefined;
  if (!methods.every((name) => typeof handle[name] === 'function')) return undefined;
  if (typeof handle.bytesRead !== 'number' || typeof handle.writeQueueSize !== 'number') return undefined;
  return OWNER in handle ? undefined : handle;
}

const isKnownRelease: boolean = (() => {
  const { node = '', bun, deno } = process.versions;
  const release = Number.parseInt(node, 10);
  return bun === undefined && deno === undefined && release >= FIRST_RELEASE && release <= LAST_RELEASE;
})();

const writers = ['writeBuffer', 'writev', 'writeUtf8String', 'writeLatin1String', 'writeAsciiString'];

// The next write of the socket shows its request.
function watchWrites(handle: StreamHandle): void {
  const methods = handle as unknown as Record<
    string,
    ((request: WriteRequest, ...rest: unknown[]) => number) | undefined
  >;
  if (Object.hasOwn(handle, 'writeBuffer')) return;
  for (const name of writers) {
    if (typeof methods[name] !== 'function') continue;
    methods[name] = (request, ...rest) => {
      for (const each of writers) delete methods[each];
      if (request !== null && 'oncomplete' in request) Request = request.constructor as new () => WriteRequest;
      return (methods[name] as (request: WriteRequest, ...rest: unknown[]) => number).call(handle, request, ...rest);
    };
  }
}
