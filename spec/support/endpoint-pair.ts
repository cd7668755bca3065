// Two endpoints joined by hand, with the extensions that they agree on by text: no streams, no turns.

import type { Endpoint, EndpointOptions } from '../../lib/endpoint/endpoint.ts';
import type { EndpointEvent } from '../../lib/endpoint/event.ts';
import type { Extension } from '../../lib/extension/extension.ts';
import type { AgreedExtension } from '../../lib/extension/extension-negotiation.ts';
import type { Role } from '../../lib/frame/frame.ts';
import { agree } from '../../lib/testing/agree.ts';
import { makeEndpoint, takeAll } from './deliver.ts';
import { join } from './hex.ts';

export interface EndpointPair {
  readonly server: Endpoint;
  readonly client: Endpoint;
  readonly agreed: { readonly server: readonly AgreedExtension[]; readonly client: readonly AgreedExtension[] };
  /** The endpoint of the other role. */
  readonly other: (role: Role) => Endpoint;
}

export type SideOptions = Omit<EndpointOptions, 'role' | 'extensions'>;

export function pairEndpoints(
  server: readonly Extension[],
  client: readonly Extension[],
  options: { readonly server?: SideOptions; readonly client?: SideOptions } = {},
): EndpointPair {
  const agreed = agree(server, client);
  const sides = {
    server: makeEndpoint({ ...options.server, role: 'server', extensions: agreed.server }),
    client: makeEndpoint({ ...options.client, role: 'client', extensions: agreed.client }),
  };
  return { ...sides, agreed, other: (role) => sides[role === 'server' ? 'client' : 'server'] };
}

/** Gives one endpoint what the other has to send, in chunks and with a budget. Gives its events. */
export function carry(
  from: Endpoint,
  to: Endpoint,
  cut: (bytes: Uint8Array) => Uint8Array[] = (bytes) => [bytes],
  budget: () => number = () => Number.MAX_SAFE_INTEGER,
): EndpointEvent[] {
  const events: EndpointEvent[] = [];
  for (const chunk of cut(takeAll(from))) {
    events.push(...to.receive(chunk, false, budget()));
    while (to.hasUnread) events.push(...to.resume(budget()));
  }
  return events;
}

/** The bytes of the only message (whole, in pieces or in frames) that events tell of; a text as its UTF-8. Undefined when they tell of something else. */
export function contentOf(events: readonly EndpointEvent[]): Uint8Array | undefined {
  const [event] = events;
  if (event?.type === 'message' && events.length === 1) {
    return typeof event.message === 'string' ? new TextEncoder().encode(event.message) : event.message;
  }
  const parts: Uint8Array[] = [];
  for (const [index, each] of events.entries()) {
    const isLast = index === events.length - 1;
    if (each.type === 'piece' && each.piece.isFirst === (index === 0) && each.piece.isLast === isLast) {
      parts.push(each.piece.bytes);
    } else if (each.type === 'frame' && (each.frame.opcode === 0) === index > 0 && each.frame.fin === isLast) {
      parts.push(each.frame.payload);
    } else {
      return undefined;
    }
  }
  return join(...parts);
}
