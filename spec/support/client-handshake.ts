// Opening handshakes of a client: options and answers that are right, to be changed in one place each.

import type { Extension, ExtensionParameters } from '../../lib/extension/extension.ts';
import {
  ClientHandshake,
  type ClientHandshakeOptions,
  type ClientHandshakeOutcome,
} from '../../lib/handshake/client-handshake.ts';
import { deliver, fromLatin1, latin1 } from './deliver-response.ts';

/** The key of RFC 6455 §1.3 before it is encoded. */
export const sampleKey: Uint8Array = latin1('the sample nonce');

/** A handshake with the request of RFC 6455 §1.3, where `options` does not say otherwise. */
export function handshakeOf(options: Partial<ClientHandshakeOptions> = {}): ClientHandshake {
  return new ClientHandshake({ host: 'server.example.com', path: '/chat', key: sampleKey, ...options });
}

const sample: readonly (readonly [string, string])[] = [
  ['Upgrade', 'websocket'],
  ['Connection', 'Upgrade'],
  ['Sec-WebSocket-Accept', 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='],
];

/** The answer of RFC 6455 §1.3 with the fields of each given name put in the place of its own; without values the name is left out. */
export function answer(changes: Record<string, readonly string[]> = {}, line = 'HTTP/1.1 101 X'): string {
  const changed = new Set(Object.keys(changes).map((name) => name.toLowerCase()));
  const kept = sample.filter(([name]) => !changed.has(name.toLowerCase()));
  const added = Object.entries(changes).flatMap(([name, values]) => values.map((value) => [name, value] as const));
  const fields = [...kept, ...added].map(([name, value]) => `${name}: ${value}\r\n`);
  return `${line}\r\n${fields.join('')}\r\n`;
}

/** An extension that takes whatever is accepted. */
export function extension(name: string, offers: readonly ExtensionParameters[] = [{}]): Extension {
  return { name, offer: () => offers, accept: () => undefined, confirm: () => () => ({}) };
}

/** A handshake as a reader of responses. */
class Reader {
  readonly handshake: ClientHandshake;

  constructor(options: Partial<ClientHandshakeOptions>) {
    this.handshake = handshakeOf(options);
  }

  get isDone(): boolean {
    return this.handshake.outcome !== undefined;
  }

  push(chunk: Uint8Array): void {
    this.handshake.push(chunk);
  }

  end(): void {
    this.handshake.end();
  }
}

/** The outcome as values that can be compared, functions left out. */
function plain(outcome: ClientHandshakeOutcome | undefined, unread: string): unknown {
  if (outcome === undefined) return undefined;
  if (outcome.accepted) {
    const { subprotocol, extensions, headers, rest } = outcome;
    return [subprotocol, extensions.map(({ text }) => text), [...headers], fromLatin1(rest) + unread];
  }
  const { code, message, status, headers, body, cause } = outcome.error;
  return [code, message, status, headers, fromLatin1(body), String(cause)];
}

/**
 * The outcome of a handshake that is answered so. It is received in every split, and all of them must have the same outcome; this is the one of the answer that
 * came whole.
 *
 * @param hasEnd Whether the transport ends behind it.
 */
export function outcomeOf(
  text: string,
  options: Partial<ClientHandshakeOptions> = {},
  hasEnd = false,
): ClientHandshakeOutcome | undefined {
  const outcomes: (ClientHandshakeOutcome | undefined)[] = [];
  const look = ({ handshake }: Reader, unread: string): unknown => {
    outcomes.push(handshake.outcome);
    return plain(handshake.outcome, unread);
  };
  deliver(text, () => new Reader(options), look, hasEnd);
  return outcomes[0];
}
