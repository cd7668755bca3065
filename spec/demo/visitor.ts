// A page without a browser: its two connections by hand, to the demo's server.

import { once } from 'node:events';
import { WebSocket } from 'ws';
import { Printer } from '../../lib/demo/print.ts';
import { TappedServer } from '../../lib/demo/tapped-server.ts';
import { Visits } from '../../lib/demo/visits.ts';
import { until, within } from '../support/until.ts';

export const ID = '0123456789abcdef0123456789abcdef';

/** A client that keeps what comes. */
export class Client {
  readonly socket: WebSocket;
  readonly texts: string[] = [];

  constructor(url: string) {
    this.socket = new WebSocket(url, { perMessageDeflate: false });
    this.socket.on('message', (data) => this.texts.push(String(data)));
  }

  static async open(url: string): Promise<Client> {
    const client = new Client(url);
    await within(once(client.socket, 'open'), 'an open connection');
    return client;
  }

  get told(): Record<string, unknown>[] {
    return this.texts.map((text) => JSON.parse(text));
  }

  say(message: object): void {
    this.socket.send(JSON.stringify(message));
  }

  async hears(text: string): Promise<void> {
    await until(() => this.texts.includes(text), `"${text}" comes`);
  }

  async isTold(expected: object): Promise<void> {
    const wanted = JSON.stringify(expected);
    await until(() => this.told.some((it) => JSON.stringify({ ...it, ...expected }) === JSON.stringify(it)), wanted);
  }

  async closed(): Promise<number> {
    if (this.socket.readyState === WebSocket.CLOSED) throw new Error('Closed already');
    const [code] = await within(once(this.socket, 'close'), 'the close');
    return code as number;
  }
}

export interface Running extends AsyncDisposable {
  readonly url: string;
  readonly visits: Visits;
  readonly lines: string[];
}

export async function start(): Promise<Running> {
  const lines: string[] = [];
  const printer = new Printer({ write: (line) => lines.push(line), hasColours: false, now: () => 0 });
  const visits = new Visits(['ws']);
  const server = new TappedServer({ printer, guestOf: (request) => visits.guestOf(request) });
  const url = `ws://127.0.0.1:${await server.listen()}`;
  return { url, visits, lines, [Symbol.asyncDispose]: async () => void (await server.stop()) };
}

/** A page: its eyes and hands, and its talk. */
export async function visit(url: string, id = ID): Promise<{ watch: Client; talk: Client }> {
  const watch = await Client.open(`${url}/watch?id=${id}`);
  await watch.isTold({ type: 'hello', queueSize: 65536, lookAhead: 65536 });
  return { watch, talk: await Client.open(`${url}/echo?id=${id}`) };
}
