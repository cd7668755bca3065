// The client: from a URL to an opened session. Dials (whoever knows sockets does that), shakes hands, follows redirects where that is asked for, and upgrades.

import { type EngineContext, resolveEngine, type UserContext } from '../connection/context.ts';
import { HandshakeError } from '../error.ts';
import type { Extension } from '../extension/extension.ts';
import { checkExtensions } from '../extension/extension-negotiation.ts';
import { type AcceptedByServer, ClientHandshake } from '../handshake/client-handshake.ts';
import type { Session, TlsFacts } from '../job/session.ts';
import type { Delivery, KindOptions, Received, Sent } from '../job/session-kind.ts';
import { onAbort } from '../job/signal-registry.ts';
import { checkOptions, upgradeTransport } from '../job/upgrade.ts';
import { type PassedOptions, pickPassed } from '../job/web-socket-upgrade.ts';
import { type ConnectionLimits, type HandshakeLimits, resolveLimits } from '../limits.ts';
import { StreamTransport } from '../stream/stream-transport.ts';
import { type ByteStreams, claimTransport, type Transport } from '../stream/transport.ts';
import { Opening } from './opening.ts';
import { nextTarget } from './redirect.ts';
import { parseTarget, type Target } from './target.ts';

/** A connection to a target, before anything was said on it. */
export interface Dialled {
  readonly transport: Transport;
  readonly remoteAddress?: string;
  readonly tls?: TlsFacts;
}

/** Makes the connection to a target. Rejects with what went wrong; when the signal is aborted it lets go of everything. */
export type Dial = (target: Target, signal: AbortSignal) => Promise<Dialled>;

/** Header fields: pairs in their order, of a name as many as one likes, or an object. */
export type HeadersInit = Iterable<readonly [string, string]> | Readonly<Record<string, string | readonly string[]>>;

/** Options of `connect` that hold in every runtime. */
export interface ConnectOptions<R extends boolean = false, M extends Delivery = 'whole'>
  extends Omit<PassedOptions, 'remoteAddress' | 'tls' | 'limits' | keyof KindOptions>,
    KindOptions<R, M> {
  /** What is offered, the most preferred first. The server may choose one of them, or none. */
  readonly subprotocols?: readonly string[];
  /** Whether the server must choose one where some are offered, as WHATWG has it. Default: false. */
  readonly requiresSubprotocol?: boolean;
  /** What is offered; the connection has what the server accepts of it. Default: none. */
  readonly extensions?: readonly Extension[];
  /** More header fields of the request. `Host` and `Origin` may be among them, none that the engine writes itself. */
  readonly headers?: HeadersInit;
  /** Ends everything that belongs to the connection: the attempt, which rejects with the reason; later the job, which is cancelled. */
  readonly signal?: AbortSignal;
  /** What is left out is as in `defaultLimits`; `handshakeTimeout` is for all of it: name, connection, TLS, redirects. */
  readonly limits?: Partial<ConnectionLimits & HandshakeLimits>;
  /** How many redirects are followed (301, 302, 303, 307, 308). Never from `wss:` to `ws:`; credentials and cookies go to no other host. Default: 0. */
  readonly maxRedirects?: number;
  /** The connection, where it is made already: the handshake runs over any two byte streams. Nothing is dialled then, and no redirect is followed. */
  readonly streams?: ByteStreams;
  /** Where the engine's own work runs: its clock, random source, scheduler and budget. */
  readonly engineContext?: EngineContext;
  /** Its signal ends the attempt, and later the job, as `signal` does. */
  readonly userContext?: UserContext;
}

/** One client connection on its way. */
export async function openSession<R extends boolean = false, M extends Delivery = 'whole'>(
  url: string | URL,
  options: ConnectOptions<R, M>,
  dial: Dial,
): Promise<Session<undefined, Received<R, M>, Sent<R>>> {
  const attempt = new Attempt(url, options, dial);
  return attempt.run();
}

class Attempt<R extends boolean, M extends Delivery> {
  readonly #options: ConnectOptions<R, M>;
  readonly #extensions: readonly Extension[];
  readonly #limits: HandshakeLimits;
  readonly #dial: Dial;
  readonly #abort = new AbortController();
  readonly #deadline: number;
  readonly #maxRedirects: number;
  #target: Target;
  #headers: readonly (readonly [string, string])[];

  /** @throws TypeError, RangeError when an option is wrong. */
  constructor(url: string | URL, options: ConnectOptions<R, M>, dial: Dial) {
    const { extensions = [], limits, maxRedirects = 0, engineContext } = options;
    this.#options = options;
    this.#dial = dial;
    this.#extensions = checkExtensions(extensions);
    this.#limits = resolveLimits(limits);
    this.#maxRedirects = checkRedirects(maxRedirects);
    this.#target = parseTarget(url);
    this.#headers = withCredentials(toPairs(options.headers ?? []), this.#target);
    const { clock } = resolveEngine(engineContext);
    this.#deadline = clock.now() + this.#limits.handshakeTimeout;
    const extensionsThen = this.#extensions.map(({ name, rsvBits = 0 }) => ({
      name,
      rsvBits,
      text: name,
      open: never,
    }));
    checkOptions({ ...this.#upgradeOptions(), role: 'client', extensions: extensionsThen });
    // Whatever is wrong with them is told before anything is dialled.
    this.#createHandshake();
  }

  async run(): Promise<Session<undefined, Received<R, M>, Sent<R>>> {
    const { signal, engineContext, userContext } = this.#options;
    const releases: (() => void)[] = [];
    try {
      for (const one of [signal, engineContext?.signal, userContext?.signal]) {
        if (one !== undefined) releases.push(onAbort(one, (reason) => this.#abort.abort(reason)));
      }
      this.#abort.signal.throwIfAborted();
      for (let redirects = 0; ; redirects++) {
        const opened = await this.#openOnce(redirects);
        if (opened !== undefined) return opened;
      }
    } finally {
      for (const release of releases) release();
    }
  }

  /** Gives the session; undefined when another target is to be asked. */
  async #openOnce(redirects: number): Promise<Session<undefined, Received<R, M>, Sent<R>> | undefined> {
    const dialled = await this.#connect();
    try {
      return await this.#shakeHands(dialled);
    } catch (error) {
      if (this.#abort.signal.aborted) throw this.#abort.signal.reason;
      const mayFollow = redirects < this.#maxRedirects && !this.#options.streams && this.#timeLeft > 0;
      if (!(error instanceof HandshakeError) || !mayFollow) throw error;
      const next = nextTarget(error, this.#target, this.#headers);
      if (next === undefined) throw error;
      this.#target = next.target;
      this.#headers = next.headers;
      return undefined;
    }
  }

  get #timeLeft(): number {
    return Math.max(0, this.#deadline - resolveEngine(this.#options.engineContext).clock.now());
  }

  async #connect(): Promise<Dialled> {
    const { streams } = this.#options;
    if (streams !== undefined) {
      const { readable, writable } = streams;
      return { transport: claimTransport(readable, writable) ?? new StreamTransport(readable, writable) };
    }
    const { clock } = resolveEngine(this.#options.engineContext);
    const text = 'The opening handshake did not end in time';
    let hasTimedOut = false;
    const timer = clock.setTimeout(() => {
      hasTimedOut = !this.#abort.signal.aborted;
      this.#abort.abort(new HandshakeError('ERR_WS_HANDSHAKE_TIMEOUT', text, 0));
    }, this.#timeLeft);
    try {
      return await this.#dial(this.#target, this.#abort.signal);
    } catch (cause) {
      // A proxy's answer without the end of its body is an answer.
      if (cause instanceof HandshakeError && hasTimedOut) throw cause;
      this.#abort.signal.throwIfAborted();
      if (cause instanceof HandshakeError) throw cause;
      throw new HandshakeError('ERR_WS_UNREACHABLE', `Cannot connect to ${this.#target.href}`, 0, { cause });
    } finally {
      clock.clearTimeout(timer);
    }
  }

  #shakeHands(dialled: Dialled): Promise<Session<undefined, Received<R, M>, Sent<R>>> {
    const { clock } = resolveEngine(this.#options.engineContext);
    const handshake = this.#createHandshake();
    const { transport } = dialled;
    return new Promise((resolve, reject) => {
      let release = (): void => {};
      const opening = new Opening(
        { transport, handshake, clock, deadline: this.#deadline },
        ({ response, transport: behind }) => {
          release();
          try {
            resolve(this.#upgrade(behind, response, dialled));
          } catch (error) {
            // An extension that cannot be opened.
            behind.destroy(error);
            reject(error);
          }
        },
        (error) => {
          release();
          reject(error);
        },
      );
      release = onAbort(this.#abort.signal, (reason) => opening.abort(reason));
    });
  }

  // In the turn in which the response has come: frames may stand behind it.
  #upgrade(
    transport: Transport,
    { subprotocol, extensions, headers }: AcceptedByServer,
    { remoteAddress, tls }: Dialled,
  ): Session<undefined, Received<R, M>, Sent<R>> {
    const { engineContext, userContext, signal } = this.#options;
    const job = upgradeTransport<undefined, Received<R, M>, Sent<R>>(transport, engineContext, userContext, {
      ...this.#upgradeOptions(),
      role: 'client',
      subprotocol,
      extensions,
      response: { url: this.#target.href, headers },
      ...(remoteAddress === undefined ? undefined : { remoteAddress }),
      ...(tls === undefined ? undefined : { tls }),
    });
    if (signal !== undefined) {
      const release = onAbort(signal, (reason) => job.cancel(reason));
      void job.closed.then(release);
    }
    return job.session;
  }

  #upgradeOptions(): PassedOptions {
    // Those two are facts here, whatever an adapter's options of these names are.
    const { remoteAddress, tls, ...passed } = pickPassed(this.#options as PassedOptions);
    return passed;
  }

  #createHandshake(): ClientHandshake {
    const { subprotocols = [], requiresSubprotocol = false, engineContext } = this.#options;
    const key = new Uint8Array(16);
    resolveEngine(engineContext).random(key);
    const { authority, path } = this.#target;
    const [extensions, headers, limits] = [this.#extensions, this.#headers, this.#limits];
    return new ClientHandshake({
      host: authority,
      path,
      key,
      subprotocols,
      requiresSubprotocol,
      extensions,
      headers,
      limits,
    });
  }
}

function never(): never {
  throw new Error('It is not agreed on');
}

function checkRedirects(count: number): number {
  if (Number.isSafeInteger(count) && count >= 0) return count;
  throw new RangeError(`Cannot connect: maxRedirects ${String(count)} is no integer of at least 0`);
}

/** The pairs of header fields. */
export function toPairs(headers: HeadersInit): readonly (readonly [string, string])[] {
  if (Symbol.iterator in headers) return [...(headers as Iterable<readonly [string, string]>)];
  return Object.entries(headers as Record<string, string | readonly string[]>).flatMap(([name, values]) =>
    [values].flat().map((value) => [name, value] as const),
  );
}

// RFC 9110 §11.6.2, RFC 7617: what the URL says of a user, unless a header says it.
function withCredentials(
  headers: readonly (readonly [string, string])[],
  { credentials }: Target,
): readonly (readonly [string, string])[] {
  if (credentials === undefined || headers.some(([name]) => name.toLowerCase() === 'authorization')) return headers;
  return [...headers, ['Authorization', toBasic(credentials)]];
}

/** The value of a field for `name:password`: RFC 7617. */
export function toBasic(credentials: string): string {
  const bytes = new TextEncoder().encode(credentials);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}
