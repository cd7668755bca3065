// How a side of the model reads: in the way of its plan, at its pace; and each message that it gets is checked against those that the other side has sent.

import { StreamedMessage } from '../../lib/connection/streamed-message.ts';
import type { Session } from '../../lib/job/session.ts';
import type { Message } from '../../lib/message/message.ts';
import { streams } from '../../lib/stream/streams.ts';
import type { Shipment } from './model-messages.ts';
import type { SideOwner, SidePlan, Who } from './model-plan.ts';

type Received = Message | StreamedMessage;

/** One reads a message to its end in one of these ways, or leaves it. */
const ways = ['collect', 'iterate', 'stream', 'leave', 'cancel'] as const;

export class Reader {
  /** Messages that it has got. */
  read = 0;
  /** From this message on what is received is not what was sent: a byte was changed on the way. */
  dirtyFrom = Number.POSITIVE_INFINITY;
  /** Whether it has seen the end. */
  hasReadAll = false;
  isCancelled = false;

  readonly #who: Who;
  readonly #plan: SidePlan;
  readonly #owner: SideOwner;
  readonly #session: () => Session<undefined, Received>;
  readonly #sent: () => readonly Shipment[];
  /** Where in what was sent the next message may stand. */
  #next: ReadonlySet<number> = new Set([0]);
  #pace = 0;
  #goOn: () => void = () => {};
  #reader: ReadableStreamDefaultReader<Received> | undefined;

  constructor(who: Who, plan: SidePlan, owner: SideOwner, session: () => Session, sent: () => readonly Shipment[]) {
    this.#who = who;
    this.#plan = plan;
    this.#owner = owner;
    this.#session = session as unknown as () => Session<undefined, Received>;
    this.#sent = sent;
  }

  /** Milliseconds that it waits before each message; infinite while it is stopped. */
  setPace(pace: number): void {
    this.#pace = pace;
    this.#goOn();
  }

  /** Cancels the readable, when it is in use. */
  cancel(): Promise<void> | undefined {
    if (this.#reader === undefined) return undefined;
    this.isCancelled = true;
    return this.#reader.cancel('enough');
  }

  /** Reads to the end. Rejects as the session does. */
  async readAll(): Promise<void> {
    try {
      await this.#readByKind();
    } finally {
      this.hasReadAll = this.#plan.reader !== 'none';
    }
  }

  async #readByKind(): Promise<void> {
    const session = this.#session();
    switch (this.#plan.reader) {
      case 'none':
        return void (await session.closed);
      case 'receive':
        return this.#loop(() => session.receive());
      case 'iterator':
        for await (const message of session) {
          await this.#take(message);
          await this.#wait();
        }
        return;
      case 'readable': {
        const reader = session.readable.getReader();
        this.#reader = reader;
        reader.closed.catch(() => {});
        return this.#loop(async () => (await reader.read()).value);
      }
      case 'pipe': {
        const { WritableStream } = streams();
        const write = async (message: Received): Promise<void> => {
          await this.#take(message);
          await this.#wait();
        };
        return session.readable.pipeTo(new WritableStream<Received>({ write }));
      }
    }
  }

  async #loop(next: () => Promise<Received | undefined>): Promise<void> {
    for (;;) {
      await this.#wait();
      const message = await next();
      if (message === undefined) return;
      await this.#take(message);
    }
  }

  async #wait(): Promise<void> {
    while (this.#pace > 0) {
      const pace = this.#pace;
      await new Promise<void>((resolve) => {
        const { clock } = this.#owner;
        const timer = Number.isFinite(pace) ? clock.setTimeout(resolve, pace) : undefined;
        this.#goOn = () => {
          clock.clearTimeout(timer);
          resolve();
        };
      });
      if (Number.isFinite(pace)) return;
    }
  }

  async #take(message: Received): Promise<void> {
    const index = this.read++;
    if (!(message instanceof StreamedMessage)) return this.#check(message, true, index);
    const way = ways[(index * 13 + this.#plan.queueSize) % 7] ?? 'collect';
    if (way === 'cancel') {
      message.cancel();
      return this.#check(message.type === 'text' ? '' : new Uint8Array(0), false, index);
    }
    const bytes: Uint8Array[] = [];
    try {
      if (way === 'collect') bytes.push(await message.bytes());
      else if (way === 'stream') for await (const chunk of values(message.body)) bytes.push(chunk);
      else {
        for await (const chunk of message) {
          bytes.push(chunk);
          if (way === 'leave') break;
        }
      }
    } catch {
      return this.#check(toContent(message, bytes), false, index);
    }
    this.#check(toContent(message, bytes), way !== 'leave', index);
  }

  // Each message that is read is the next one that the other side has sent, but for those that may be missing. What is known of a part may fit several.
  #check(content: Message, isWhole: boolean, index: number): void {
    if (index >= this.dirtyFrom) return;
    const sent = this.#sent();
    const next = new Set<number>();
    for (const start of this.#next) {
      for (let at = start; at < sent.length && !next.has(at + 1); at++) {
        const shipment = sent[at] as Shipment;
        if (fits(shipment, content, isWhole)) next.add(at + 1);
        if (!shipment.mayBeMissing) break;
      }
    }
    this.#next = next;
    if (next.size > 0) return;
    this.#owner.fault(`the ${this.#who} has read message ${index}, which is not what was sent`);
    this.dirtyFrom = index;
  }
}

// Not `for await` over the stream itself: not every implementation has that.
async function* values(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = stream.getReader();
  for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read())
    yield value as Uint8Array;
}

function toContent({ type }: StreamedMessage, parts: readonly Uint8Array[]): Message {
  const bytes = Buffer.concat(parts);
  // A part may end inside a character, which is left out then.
  return type === 'text' ? new TextDecoder().decode(bytes, { stream: true }) : bytes;
}

function fits({ content, isBroken }: Shipment, received: Message, isWhole: boolean): boolean {
  if (typeof content !== typeof received) return false;
  if (isWhole && (isBroken || content.length !== received.length)) return false;
  if (typeof content === 'string') return content.startsWith(received as string);
  return Buffer.compare(content.subarray(0, received.length), received as Uint8Array) === 0;
}
