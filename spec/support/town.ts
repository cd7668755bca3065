// A town of servers in which connections live and end, and what they leave behind.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as assert from 'uvu/assert';
import type { Session } from '../../lib/job/session.ts';
import { attach, Refusal, type RequestHead, type SiteOptions, type StopOptions, serve } from '../../lib/node.ts';
import { handles, listeners, SharedContexts } from './left-behind.ts';
import { askInVain, behave, behaviours, live, pathsOf, refusals, streamedBehaviours } from './lives.ts';
import { until, within } from './until.ts';

const AT_A_TIME = 64;
const refused = Object.keys(refusals);

async function listen(http: Server): Promise<number> {
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return (http.address() as AddressInfo).port;
}

/** A server, and the behaviours that its handler knows. */
interface House {
  readonly port: number;
  readonly hasHooks: boolean;
  readonly behaviours: readonly string[];
  readonly paths: readonly string[];
}

/** Servers: a plain one, one whose upgrades pass a hook, one of the application's own, and one whose messages are streamed. */
export class Town implements AsyncDisposable {
  readonly shared: SharedContexts = new SharedContexts();
  readonly http: Server = createServer((_request, response) => response.writeHead(404).end());
  readonly #handlesBefore = handles();
  readonly #httpBefore = listeners(this.http);
  #httpListening: Record<string, number> = {};
  #handlesListening: Record<string, number> = {};
  servers: readonly { readonly sessions: Iterable<object>; stop(options?: StopOptions): Promise<unknown> }[] = [];
  houses: readonly House[] = [];

  async open(): Promise<this> {
    const { engineContext, userContext } = this.shared;
    // A socket that nobody reads does not tell of a reset; the ping that is written to it now and then does.
    const times = { closeTimeout: 30, handlerTimeout: 10, pingInterval: 100 };
    const limits = { ...times, maxMessageSize: 64 * 1024, maxFragments: 16 };
    const options: SiteOptions = { path: '/:way/:behaviour', engineContext, userContext, limits };
    const handler = (session: Session): unknown => {
      this.shared.note(session);
      return behave(session, behaviours);
    };
    const admit = async ({ url }: RequestHead): Promise<Refusal | undefined> =>
      url.startsWith('/refuse/') ? new Refusal(401) : undefined;
    const plain = await serve(options, handler);
    const hooked = await serve({ ...options, admit }, handler);
    const attached = attach(this.http, { ...options, admit }, handler);
    const streamed = await serve({ ...options, messages: 'streamed' }, (session) => {
      this.shared.note(session);
      return behave(session, streamedBehaviours);
    });
    this.servers = [plain, hooked, attached, streamed];
    const house = (port: number, some: Readonly<Record<string, unknown>>, hasHooks: boolean): House => {
      return { port, hasHooks, behaviours: Object.keys(some), paths: pathsOf(some) };
    };
    this.houses = [
      house(plain.port, behaviours, false),
      house(hooked.port, behaviours, true),
      house(await listen(this.http), behaviours, true),
      house(streamed.port, streamedBehaviours, false),
    ];
    this.#httpListening = listeners(this.http);
    this.#handlesListening = handles();
    return this;
  }

  get sessions(): object[] {
    return this.servers.flatMap(({ sessions }) => [...sessions]);
  }

  /** Lives number `from` to `to`: each way, with each behaviour, on each server; one in ten is refused. */
  async live(from: number, to: number): Promise<void> {
    let next = from;
    const work = async (): Promise<void> => {
      while (next < to) await this.#liveOne(next++);
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, work));
  }

  #liveOne(index: number): Promise<void> {
    // Another house each time, for the same behaviour another one with each way, and for the same path another one in each round: the first few hundred bring
    // each behaviour and each way to each house.
    const { paths: all, behaviours: some } = this.houses[0] as House;
    const shift = Math.floor(index / all.length) + Math.floor(index / some.length);
    const { port, paths, hasHooks } = this.houses[(index + shift) % this.houses.length] as House;
    if (index % 10 !== 9) return live(port, paths[index % paths.length] as string);
    const refusal = refused[Math.floor(index / 10) % refused.length] as string;
    const isPatient = Math.floor(index / 10 / refused.length) % 2 === 0;
    return askInVain(port, refusal === 'admit' && !hasHooks ? 'path' : refusal, isPatient);
  }

  /** Fulfils when all connections have ended, and asserts that nothing of them is left. */
  async settle(): Promise<void> {
    await until(() => this.sessions.length === 0, 'all jobs have ended');
    await until(() => isEqual(handles(), this.#handlesListening), 'the handles are as they were');
    await this.shared.assertNothingLeft();
    assert.equal(listeners(this.http), this.#httpListening);
  }

  /** Stops all, and asserts that nothing of the servers is left. */
  async close(options?: StopOptions): Promise<void> {
    await within(Promise.all(this.servers.map((server) => server.stop(options))), 'the stop');
    await until(() => this.sessions.length === 0, 'all jobs have ended');
    await this.shared.assertNothingLeft();
    await new Promise((resolve) => this.http.close(resolve));
    assert.equal(listeners(this.http), this.#httpBefore);
    await until(() => isEqual(handles(), this.#handlesBefore), 'no handle is left');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.servers.map((server) => server.stop({ timeout: 0 })));
    this.http.closeAllConnections();
    this.http.close();
  }
}

function isEqual(some: Record<string, number>, others: Record<string, number>): boolean {
  return JSON.stringify(some) === JSON.stringify(others);
}
