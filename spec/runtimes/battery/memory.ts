// The battery in memory: the pairs of `millrace/testing`, on the platform's own clock.

import { SiteTotals } from '../../../lib/adapter/site-totals.ts';
import type { Extension } from '../../../lib/extension/extension.ts';
import type { Job } from '../../../lib/job/job.ts';
import type { Session } from '../../../lib/job/session.ts';
import type { StopReport } from '../../../lib/node.ts';
import { createPair } from '../../../lib/testing.ts';
import { runBattery } from './battery.ts';
import type { ClientOptions, Host, HostServer, ServerOptions } from './host.ts';

type AnySession = Session<never, never, never>;

const clock = {
  now: () => performance.now(),
  setTimeout: (callback: () => void, milliseconds: number) => setTimeout(callback, milliseconds),
  clearTimeout: (timer: unknown) => clearTimeout(timer as NodeJS.Timeout),
};

/** Connections of one handler, each a pair of its own. */
class MemoryServer implements HostServer {
  readonly url = 'memory:';
  readonly #options: ServerOptions;
  readonly #handler: never;
  readonly #jobs = new Set<Job>();
  readonly #totals = new SiteTotals();
  readonly #cuts = new Map<Job, () => void>();
  #upgraded = 0;

  constructor(options: ServerOptions, handler: never) {
    this.#options = options;
    this.#handler = handler;
  }

  get sessions(): Iterable<AnySession> {
    return Array.from(this.#jobs, ({ session }) => session as unknown as AnySession);
  }

  get counters(): HostServer['counters'] {
    const sessions = Array.from(this.#jobs, ({ session }) => session);
    return { open: this.#jobs.size, upgraded: this.#upgraded, refused: 0, ...this.#totals.with(sessions) };
  }

  connect(options: ClientOptions): AnySession {
    const { signal, extensions = [], engineContext, userContext, raw, messages, limits, fragmentSize } = options;
    const own = this.#options;
    const server = {
      extensions: (own.extensions ?? []) as readonly Extension[],
      engineContext: { clock, ...own.engineContext },
      ...pick({ userContext: own.userContext, raw: own.raw, messages: own.messages, limits: own.limits }),
      ...pick({ fragmentSize: own.fragmentSize, handler: this.#handler }),
    };
    const client = {
      extensions,
      engineContext: { clock, ...engineContext },
      ...pick({ userContext, raw, messages, limits, fragmentSize }),
    };
    signal?.throwIfAborted();
    const pair = createPair({ server, client } as never);
    const job = pair.server as Job;
    this.#upgraded++;
    this.#jobs.add(job);
    this.#cuts.set(job, () => pair.line.reset());
    void job.closed.then((info) => {
      this.#jobs.delete(job);
      this.#cuts.delete(job);
      this.#totals.fold(job.session.counters, info);
    });
    const cancel = (): void => pair.client.cancel();
    signal?.addEventListener('abort', cancel);
    void pair.client.closed.then(() => signal?.removeEventListener('abort', cancel));
    return pair.client.session as unknown as AnySession;
  }

  async stop({ timeout = 5000 }: { readonly timeout?: number } = {}): Promise<StopReport> {
    let closed = 0;
    const ending = Array.from(this.#jobs, async (job) => {
      job.cancel();
      await job.session.closed;
      closed++;
    });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, timeout);
    });
    await Promise.race([Promise.all(ending), late]);
    clearTimeout(timer);
    const report = { closed, cut: ending.length - closed };
    for (const cut of this.#cuts.values()) cut();
    await Promise.all(ending);
    return report;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop({ timeout: 0 });
  }
}

function pick(members: object): object {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

const host: Host = {
  name: 'memory',
  hasSockets: false,
  isTls: false,
  serve: async (options, handler) => new MemoryServer(options, handler as never),
  connect: async (server, _, options) => (server as MemoryServer).connect(options),
  raw: () => Promise.reject(new TypeError('There are no sockets')),
  dial: () => Promise.reject(new TypeError('There are no sockets')),
};

runBattery(host);
