// What was sent and is not encoded yet, in its order: messages that may still be dropped, messages that come from a stream, and what was sent behind them.

import type { SendHints } from '../extension/extension.ts';
import type { Message } from '../message/message.ts';
import type { MessagePump } from './message-pump.ts';
import type { MessageSteps } from './message-steps.ts';

/** One thing that was sent. */
export interface BacklogEntry {
  readonly message: Message | MessagePump | MessageSteps;
  /** What is said to the extensions. */
  readonly hints?: SendHints | undefined;
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

interface Link {
  readonly node: Node;
  previous: Link | undefined;
  next: Link | undefined;
}

interface Node {
  readonly id: number;
  readonly entry: BacklogEntry;
  inAll: Link | undefined;
  inDroppable: Link | undefined;
}

/** A linked list: nodes can be taken out of its middle. */
class Chain {
  #first: Link | undefined;
  #last: Link | undefined;

  get first(): Node | undefined {
    return this.#first?.node;
  }

  add(node: Node): Link {
    const link: Link = { node, previous: this.#last, next: undefined };
    if (this.#last === undefined) this.#first = link;
    else this.#last.next = link;
    this.#last = link;
    return link;
  }

  remove(link: Link | undefined): void {
    if (link === undefined) return;
    const { previous, next } = link;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
  }
}

/** A queue of entries that can be taken out of its middle: each step is as cheap however long it is. */
export class Backlog {
  // Made for the first entry: what is sent is encoded at once, nearly always.
  #all: Chain | undefined;
  #droppable: Chain | undefined;
  // Made for the first key: few messages have one.
  #latest: Map<unknown, Node> | undefined;
  #count = 0;
  #weight = 0;
  #lastId = 0;

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
    return this.#all?.first?.entry;
  }

  /** The number of the first entry: entries are numbered in their order. */
  get firstId(): number {
    return this.#all?.first?.id ?? Number.POSITIVE_INFINITY;
  }

  /** The number of the entry that was pushed last. */
  get lastId(): number {
    return this.#lastId;
  }

  push(entry: BacklogEntry): void {
    const node: Node = { id: ++this.#lastId, entry, inAll: undefined, inDroppable: undefined };
    this.#all ??= new Chain();
    node.inAll = this.#all.add(node);
    if (entry.isDroppable) {
      this.#droppable ??= new Chain();
      node.inDroppable = this.#droppable.add(node);
    }
    this.#count++;
    this.#weight += entry.weight;
    if (entry.key === undefined) return;
    this.#latest ??= new Map();
    this.#latest.set(entry.key, node);
  }

  /** A part of the first entry is on its way: it is not dropped any more. */
  keepFirst(): void {
    const node = this.#all?.first;
    if (node === undefined) return;
    this.#droppable?.remove(node.inDroppable);
    node.inDroppable = undefined;
    this.#forgetKey(node);
  }

  /** Takes the first entry. */
  shift(): BacklogEntry | undefined {
    return this.#remove(this.#all?.first);
  }

  /** Takes the entry of a key. */
  removeKey(key: unknown): BacklogEntry | undefined {
    return this.#remove(this.#latest?.get(key));
  }

  /** Takes the first entry that may be dropped. */
  removeOldest(): BacklogEntry | undefined {
    return this.#remove(this.#droppable?.first);
  }

  #remove(node: Node | undefined): BacklogEntry | undefined {
    if (node === undefined) return undefined;
    const { entry } = node;
    this.#all?.remove(node.inAll);
    this.#droppable?.remove(node.inDroppable);
    this.#count--;
    this.#weight -= entry.weight;
    this.#forgetKey(node);
    return entry;
  }

  #forgetKey(node: Node): void {
    if (this.#latest?.get(node.entry.key) === node) this.#latest.delete(node.entry.key);
  }
}
