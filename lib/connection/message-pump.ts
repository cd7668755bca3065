// One message that is sent as its source gives it: reads the source at the pace of the transport, and sends what it gives in fragments (RFC 6455 §5.4).

import { Utf8Validator } from '../bytes/utf8.ts';
import { type MessageType, toMessage } from '../message/message.ts';
import { Deferred } from './deferred.ts';
import { type BodySource, isReadableStream, type MessageChunk } from './sendable.ts';

/** Whom the pump serves. */
export interface PumpOwner {
  /** Undefined when there is room for a fragment now; otherwise fulfils when there is. Rejects when the connection has ended. */
  roomForFragment(): Promise<void> | undefined;
  /** Fulfils in a later turn. */
  nextTurn(): Promise<void>;
  sendFragment(type: MessageType, bytes: Uint8Array, isLast: boolean): void;
  /** Something was gathered: {@link MessagePump.flush} at the end of the turn. */
  schedule(): void;
  /** All is sent, or (with an error) the source has failed; not told of a pump that was stopped. */
  pumpEnded(pump: MessagePump, failure?: { readonly error: unknown }): void;
}

/** A fragment is as long as this where the source gives enough. */
const FRAGMENT_SIZE = 64 * 1024;
const FIRST_SIZE = 1024;
/** So many chunks are taken without a pause: tiny or empty ones would keep everybody else waiting. */
const CHUNKS_A_TURN = 1024;
const EMPTY = new Uint8Array(0);

const encoder: TextEncoder = new TextEncoder();

export class MessagePump {
  readonly #owner: PumpOwner;
  readonly #body: BodySource['body'];
  readonly #done = new Deferred<void>();
  readonly #utf8 = new Utf8Validator();
  #type: MessageType | undefined;
  #state: 'waiting' | 'running' | 'ended' = 'waiting';
  #hasBegun = false;
  #cancel: (reason: unknown) => void = () => {};
  #release: () => void = () => {};
  // What the source has given since the last fragment: copied, since a source may use its chunk again.
  #gathered = EMPTY;
  #size = 0;
  // The first half of a surrogate pair whose second half comes with the next chunk.
  #highSurrogate = '';

  constructor(owner: PumpOwner, { type, body }: BodySource) {
    this.#owner = owner;
    this.#type = type;
    this.#body = body;
  }

  /** Fulfils when all of the message is on its way. Rejects with the error of the source, or when the connection ends first. */
  get done(): Promise<void> {
    return this.#done.promise;
  }

  /** Whether a part of the message is on its way: then it must be finished, or the connection is lost. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Bytes that the source has given and that are not sent. */
  get gathered(): number {
    return this.#size;
  }

  /** The message is the next: begins to read. */
  start(): void {
    if (this.#state !== 'waiting') return;
    this.#state = 'running';
    void this.#run();
  }

  /** Sends what was gathered as a fragment. Throws nothing: an extension may fail on it. */
  flush(): void {
    if (this.#size === 0) return;
    try {
      this.#send(false);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Lets go of the source: the rest of the message will not be sent. */
  stop(error: Error): void {
    if (this.#state === 'ended') return;
    // One that has not been read yet is cancelled too: somebody may wait for it to be.
    if (this.#state === 'waiting') this.#openUnlessLocked();
    this.#end();
    this.#cancel(error);
    this.#done.reject(error);
  }

  async #run(): Promise<void> {
    try {
      const next = this.#open();
      for (let count = 1; ; count++) {
        if (count % CHUNKS_A_TURN === 0) await this.#owner.nextTurn();
        const room = this.#owner.roomForFragment();
        if (room !== undefined) await room;
        if (this.#isEnded) return;
        const { done, value } = await next();
        if (this.#isEnded) return;
        if (done) break;
        let rest = this.#gather(this.#take(value));
        // Of a chunk that is longer than there is room for, the rest waits where it is.
        while (rest.byteLength > 0) {
          await this.#owner.roomForFragment();
          if (this.#isEnded) return;
          rest = this.#gather(rest);
        }
      }
      this.#finish();
    } catch (error) {
      this.#fail(error);
    }
  }

  // A method: what was awaited may have changed it.
  get #isEnded(): boolean {
    return this.#state === 'ended';
  }

  // Neither promise of a cancelled source is waited for: it may never settle.
  #open(): () => Promise<{ done?: boolean | undefined; value?: MessageChunk | undefined }> {
    const body = this.#body;
    if (isReadableStream(body)) {
      const reader = body.getReader();
      this.#release = () => reader.releaseLock();
      this.#cancel = (reason) => {
        reader.cancel(reason).catch(ignore);
        reader.releaseLock();
      };
      return () => reader.read();
    }
    const iterator = body[Symbol.asyncIterator]();
    this.#cancel = () => {
      Promise.resolve()
        .then(() => iterator.return?.())
        .catch(ignore);
    };
    return () => iterator.next();
  }

  // Somebody may have locked the stream while its message waited for its turn.
  #openUnlessLocked(): void {
    try {
      this.#open();
    } catch {}
  }

  /** Checks a chunk; gives its bytes. */
  #take(chunk: MessageChunk | undefined): Uint8Array {
    const message = toMessage(chunk as MessageChunk);
    this.#type ??= typeof message === 'string' ? 'text' : 'binary';
    if (typeof message === 'string') return this.#takeText(message);
    if (this.#type === 'text') {
      this.#endSurrogate();
      if (!this.#utf8.push(message)) throw new TypeError('Cannot send a text message: its bytes are not valid UTF-8');
    }
    return message;
  }

  #takeText(text: string): Uint8Array {
    if (this.#type === 'binary') throw new TypeError('Cannot send a string in a binary message');
    if (!this.#utf8.isComplete) throw new TypeError('Cannot send a text message: a string cuts its bytes');
    const whole = this.#highSurrogate + text;
    const last = whole.charCodeAt(whole.length - 1);
    const isCut = last >= 0xd800 && last < 0xdc00;
    this.#highSurrogate = isCut ? whole.slice(-1) : '';
    return encoder.encode(isCut ? whole.slice(0, -1) : whole);
  }

  // Nothing to pair with has come: U+FFFD, as for every lone surrogate.
  #endSurrogate(): void {
    if (this.#highSurrogate === '') return;
    this.#highSurrogate = '';
    let rest: Uint8Array = encoder.encode('\ufffd');
    while (rest.byteLength > 0) rest = this.#gather(rest);
  }

  /** Takes as much as fits into the fragment; gives the rest. */
  #gather(bytes: Uint8Array): Uint8Array {
    let from = 0;
    while (from < bytes.byteLength && this.#size < FRAGMENT_SIZE) {
      this.#reserve(bytes.byteLength - from);
      const to = Math.min(bytes.byteLength, from + this.#gathered.byteLength - this.#size);
      this.#gathered.set(bytes.subarray(from, to), this.#size);
      this.#size += to - from;
      from = to;
    }
    if (this.#size === FRAGMENT_SIZE) this.#send(false);
    else if (this.#size > 0) this.#owner.schedule();
    return bytes.subarray(from);
  }

  #reserve(size: number): void {
    if (this.#size < this.#gathered.byteLength) return;
    const least = Math.max(FIRST_SIZE, this.#gathered.byteLength * 2, this.#size + size);
    const grown = new Uint8Array(Math.min(FRAGMENT_SIZE, least));
    grown.set(this.#gathered);
    this.#gathered = grown;
  }

  #send(isLast: boolean): void {
    const bytes = this.#gathered.subarray(0, this.#size);
    this.#gathered = EMPTY;
    this.#size = 0;
    this.#hasBegun = true;
    this.#owner.sendFragment(this.#type ?? 'binary', bytes, isLast);
  }

  #finish(): void {
    this.#endSurrogate();
    if (!this.#utf8.isComplete) throw new TypeError('Cannot send a text message: its last character is cut');
    this.#send(true);
    this.#end();
    this.#release();
    this.#done.resolve();
    this.#owner.pumpEnded(this);
  }

  #fail(error: unknown): void {
    if (this.#isEnded) return;
    this.#end();
    this.#cancel(error);
    this.#done.reject(error);
    this.#owner.pumpEnded(this, { error });
  }

  #end(): void {
    this.#state = 'ended';
    this.#gathered = EMPTY;
    this.#size = 0;
  }
}

function ignore(): void {}
