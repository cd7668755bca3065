// A server of an application's own, as a guest finds it: it listens on a free port, and goes with what was attached to it.

import type { AddressInfo } from 'node:net';
import * as assert from 'uvu/assert';
import type { Attachment } from '../../lib/node.ts';
import { openWs } from './peers.ts';
import { type PeerResponse, RawClient, requestHead } from './raw-client.ts';
import { within } from './until.ts';

/** What all kinds of servers have. */
export interface Listening {
  listen(port: number, host: string, callback: () => void): unknown;
  address(): unknown;
  close(callback: () => void): unknown;
  closeAllConnections?(): void;
}

/** A server that listens on a free port, with what is attached to it. */
export class House<S extends Listening> implements AsyncDisposable {
  readonly server: S;
  readonly #attached: Attachment[] = [];
  constructor(server: S) {
    this.server = server;
  }
  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }
  keep(attachment: Attachment): Attachment {
    this.#attached.push(attachment);
    return attachment;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    for (const attachment of this.#attached) await attachment.stop({ timeout: 0 });
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeAllConnections?.();
    RawClient.destroyAll();
    await within(closed, 'the server is closed');
  }
}

/** Listens on a free port. */
export async function open<S extends Listening>(server: S): Promise<House<S>> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  return new House(server);
}

/** Sends a message, gives the answer, and closes. */
export async function talk(url: string, message = 'hello', options: { ca?: string } = {}): Promise<string> {
  const peer = await openWs(url, [], options);
  peer.send(message);
  const answer = await peer.receive();
  peer.close(1000);
  assert.is((await peer.ended()).code, 1000);
  return String(answer);
}

/** Asks for an upgrade that will be refused. */
export async function ask(port: number, target: string): Promise<PeerResponse> {
  using client = await RawClient.connect(port);
  client.send(requestHead(port, { target }));
  return await client.response();
}
