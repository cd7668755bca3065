// Who comes to the demo, and what is done for them: the path of the request tells.

import type { IncomingMessage } from 'node:http';
import type { Session } from '../node.ts';
import type { Guest } from './tapped-server.ts';
import { isTransformName, type TransformName, transformText } from './transforms.ts';
import { Visit } from './visit.ts';

/** An id that only one page can know: its own. */
const ID = /^[0-9a-f]{32}$/;

/** The pages that are open, and the guests without one. */
export class Visits {
  readonly #visits = new Map<string, Visit>();
  readonly #expected: Set<string>;
  #pages = 0;
  #guests = 0;

  /** @param expected Names of guests that ask for the path of their name. */
  constructor(expected: Iterable<string> = []) {
    this.#expected = new Set(expected);
  }

  /** How many pages are open. */
  get size(): number {
    return this.#visits.size;
  }

  /**
   * `/watch?id=…` is how a page sees and steers, `/echo?id=…` is where it talks. Everybody else is echoed through the transform that
   * `?transform=` names, or else in upper case.
   */
  guestOf({ url = '' }: IncomingMessage): Guest {
    // Not `new URL`: it throws for targets such as "//".
    const [pathname = '', query] = url.split('?', 2);
    const searchParams = new URLSearchParams(query);
    const id = searchParams.get('id') ?? '';
    if (pathname === '/watch') return this.#watcher(id);
    const visit = pathname === '/echo' ? this.#visits.get(id) : undefined;
    if (visit !== undefined) return visit.talker(`page ${++this.#pages}`);
    const name = pathname.slice(1);
    return echoing(this.#expected.delete(name) ? name : `guest ${++this.#guests}`, searchParams.get('transform'));
  }

  #watcher(id: string): Guest {
    const handler = async (session: Session): Promise<void> => {
      if (!ID.test(id) || this.#visits.has(id)) return void (await session.close(1008, 'no good id'));
      const visit = new Visit();
      this.#visits.set(id, visit);
      try {
        await visit.watch(session);
      } finally {
        this.#visits.delete(id);
      }
    };
    // Not tapped: telling of what is told would have no end.
    return { name: 'watcher', handler, isSilent: true, limits: { maxMessageSize: 4096 } };
  }
}

function echoing(name: string, wanted: string | null): Guest {
  const transform: TransformName = isTransformName(wanted) ? wanted : 'upper';
  const handler = (session: Session): Promise<void> =>
    session.readable.pipeThrough(transformText(() => transform)).pipeTo(session.writable);
  return { name, handler };
}
