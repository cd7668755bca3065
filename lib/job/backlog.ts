// What was sent and is not encoded yet, in its order: messages that may still be dropped, messages that come from a stream, and what was sent behind them.

import type { Message } from '../message/message.ts';
import type { MessagePump } from './message-pump.ts';

/** One thing that was sent. */
export interface BacklogEntry {
  readonly message: Message | MessagePump;
  /** What it counts in the queue: bytes, and 64 more. */
  readonly weight: number;
  /** When it was sent, in the engine's time. */
  readonly at: number;
  /** How long it is worth sending, in milliseconds. */
  readonly maxAge: number;
  readonly isDroppable: boolean;
  /** Of messages with the same key only the latest is worth sending; undefined for none. */
  readonly key: unknown;
}

interface Node {
  readonly id: number;
  readonly entry: BacklogEntry;
  previous: Node | undefined;
  next: Node | undefined;
}

/** A queue of entries that can be taken out of its middle: a linked list, so that each step is as cheap however long it is. */
export class Backlog {
  #first: Node | undefined;
  #last: Node | undefined;
  #count = 0;
  #weight = 0;
  #lastId = 0;
  readonly #latest = new Map<unknown, Node>();

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  get count(): number {
    return this.#count;
  }

  get weight(): number {
    return this.#weight;
  }

  get first(): BacklogEntry | undefined {
    return this.#first?.entry;
  }

  /** The number of the first entry: entries are numbered in their order. */
  get firstId(): number {
    return this.#first?.id ?? Number.POSITIVE_INFINITY;
  }

  /** The number of the entry that was pushed last. */
  get lastId(): number {
    return this.#lastId;
  }

  push(entry: BacklogEntry): void {
    const node: Node = { id: ++this.#lastId, entry, previous: this.#last, next: undefined };
    if (this.#last === undefined) this.#first = node;
    else this.#last.next = node;
    this.#last = node;
    this.#count++;
    this.#weight += entry.weight;
    if (entry.key !== undefined) this.#latest.set(entry.key, node);
  }

  /** Takes the first entry. */
  shift(): BacklogEntry | undefined {
    return this.#remove(this.#first);
  }

  /** Takes the entry of a key, if it may be dropped. */
  removeKey(key: unknown): BacklogEntry | undefined {
    const node = this.#latest.get(key);
    return node?.entry.isDroppable ? this.#remove(node) : undefined;
  }

  /** Takes the first entry that may be dropped. */
  removeOldest(): BacklogEntry | undefined {
    let node = this.#first;
    while (node !== undefined && !node.entry.isDroppable) node = node.next;
    return this.#remove(node);
  }

  #remove(node: Node | undefined): BacklogEntry | undefined {
    if (node === undefined) return undefined;
    const { entry, previous, next } = node;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    this.#count--;
    this.#weight -= entry.weight;
    if (this.#latest.get(entry.key) === node) this.#latest.delete(entry.key);
    return entry;
  }
}
