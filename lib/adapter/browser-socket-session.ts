// An open WebSocket of the platform as a session of whole messages. It cannot be told to wait, so what waits unread is bounded; it does not tell when it
// has room, so it is asked again and again, ever more rarely.

import type { MessageSessionEnd } from '../client/message-streams.ts';
import type { OpenedSession } from '../client/web-socket-stream.ts';
import type { Clock } from '../connection/context.ts';
import { Deferred } from '../connection/deferred.ts';
import { ConnectionError, LimitError } from '../error.ts';
import type { Message } from '../message/message.ts';
import { streams } from '../stream/streams.ts';

/** A write fulfils when no more bytes than this wait in the WebSocket. */
export const MOST_UNSENT: number = 256 * 1024;

/** Milliseconds between two looks at `bufferedAmount`: the first, and the longest. */
const SHORTEST_WAIT = 1;
const LONGEST_WAIT = 64;

/** What a message counts beside what it holds, as everywhere in the engine: empty ones are not free. */
const MESSAGE_COST = 64;

// A page may close with 1000 and 3000 to 4999 only: 1009 (message too big) is not for it to say.
const UNREAD_CODE = 4009;

// As WebSocket.OPEN and WebSocket.CLOSING.
const OPEN = 1;
const CLOSING = 2;

export class SocketSession implements OpenedSession {
  readonly readable: ReadableStream<Message>;
  readonly #socket: WebSocket;
  readonly #clock: Clock;
  readonly #maxQueued: number;
  readonly #closeReceived = new Deferred<object | undefined>();
  readonly #closed = new Deferred<MessageSessionEnd>();
  #controller!: ReadableStreamDefaultController<Message>;
  // Nobody wants what comes from now on.
  #isDeaf = false;
  #isCancelled = false;
  #isClosing = false;
  #hasEnded = false;
  #timer: unknown;
  // The write that waits for room.
  #waiting: Deferred<void> | undefined;

  /**
   * @param socket Open, and its `binaryType` 'arraybuffer'.
   * @param maxQueued How many bytes may wait unread; a single message may have more.
   */
  constructor(socket: WebSocket, clock: Clock, maxQueued: number) {
    this.#socket = socket;
    this.#clock = clock;
    this.#maxQueued = maxQueued;
    const { ReadableStream } = streams();
    // What is asked for and what waits is told by the desired size: from 0 down, in bytes.
    this.readable = new ReadableStream<Message>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        cancel: () => {
          this.#isCancelled = true;
        },
      },
      { highWaterMark: 0, size: sizeOf },
    );
    socket.addEventListener('message', this.#received);
    socket.addEventListener('close', this.#socketClosed);
  }

  get extensions(): string {
    return this.#socket.extensions;
  }

  get subprotocol(): string {
    return this.#socket.protocol;
  }

  get closeReceived(): Promise<object | undefined> {
    return this.#closeReceived.promise;
  }

  get closed(): Promise<MessageSessionEnd> {
    return this.#closed.promise;
  }

  // --- Receiving -----------------------------------------------------------------------------------------------------

  readonly #received = ({ data }: MessageEvent<string | ArrayBuffer>): void => {
    if (this.#isDeaf || this.#isCancelled) return;
    const message = typeof data === 'string' ? data : new Uint8Array(data);
    const waiting = -(this.#controller.desiredSize as number);
    if (waiting > 0 && waiting + sizeOf(message) > this.#maxQueued) this.#overflow();
    else this.#controller.enqueue(message);
  };

  // What waits can still be read. The peer is told why, but it is not waited for.
  #overflow(): void {
    const error = new LimitError(
      'ERR_WS_UNREAD',
      `More than ${this.#maxQueued} bytes of messages wait unread`,
      UNREAD_CODE,
    );
    this.#socket.close(UNREAD_CODE, 'Too much waits unread');
    this.#end({ wasClean: false, closeCode: 1006, reason: '', error });
  }

  // --- Sending -------------------------------------------------------------------------------------------------------

  send(message: string | Uint8Array): Promise<void> {
    if (this.#hasEnded) return Promise.reject(createEndedError());
    // The peer's close frame has come. As the draft has it, the message is dropped; the platform would complain on the console.
    if (this.#socket.readyState !== OPEN) return Promise.resolve();
    this.#socket.send(message as string | Uint8Array<ArrayBuffer>);
    if (this.#socket.bufferedAmount <= MOST_UNSENT) return Promise.resolve();
    this.#waiting = new Deferred();
    this.#look(SHORTEST_WAIT);
    return this.#waiting.promise;
  }

  #look(wait: number): void {
    this.#timer = this.#clock.setTimeout(() => {
      // No event tells of the peer's close frame. What still waits is not known to arrive.
      if (this.#socket.readyState === CLOSING && !this.#isClosing) return this.#closeReceived.resolve({});
      if (this.#socket.bufferedAmount > MOST_UNSENT) return this.#look(Math.min(2 * wait, LONGEST_WAIT));
      this.#hasRoom();
    }, wait);
  }

  #hasRoom(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }

  // --- The end -------------------------------------------------------------------------------------------------------

  close(closeCode?: number | null, reason = ''): void {
    if (this.#hasEnded) return;
    // As the platform has it: what comes from now on is dropped.
    this.#isDeaf = true;
    this.#isClosing = true;
    if (closeCode === undefined || closeCode === null) this.#socket.close();
    else this.#socket.close(closeCode, reason);
  }

  readonly #socketClosed = ({ wasClean, code, reason }: CloseEvent): void => {
    // Our close frame has gone out, and all before it: nobody has looked yet.
    if (wasClean && this.#isClosing) this.#hasRoom();
    if (code !== 1006) this.#closeReceived.resolve({ closeCode: code, reason });
    this.#end({ wasClean, closeCode: code, reason, error: undefined });
  };

  #end(end: MessageSessionEnd): void {
    this.#hasEnded = true;
    if (!this.#isCancelled) this.#controller.close();
    this.#clock.clearTimeout(this.#timer);
    this.#waiting?.reject(createEndedError());
    this.#socket.removeEventListener('message', this.#received);
    this.#socket.removeEventListener('close', this.#socketClosed);
    this.#closeReceived.resolve(undefined);
    this.#closed.resolve(end);
  }
}

function createEndedError(): ConnectionError {
  return new ConnectionError('ERR_WS_CONNECTION_LOST', 'The connection has ended before the message was sent');
}

// A platform has its texts in one or two bytes for a code unit: the most is counted.
function sizeOf(message: Message): number {
  return MESSAGE_COST + (typeof message === 'string' ? 2 * message.length : message.byteLength);
}
