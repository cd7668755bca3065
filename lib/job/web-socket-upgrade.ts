// The opening handshake of a server and the upgrade behind it, from the head of a request: RFC 6455 §4.2. It reads no socket and writes none:
// an adapter writes `response()`, and hands the byte streams to `upgrade`.

import { type EngineContext, reportError, type UserContext } from '../connection/context.ts';
import type { HandshakeError } from '../error.ts';
import type { ExtensionOffer } from '../extension/extension-header.ts';
import type { AgreedExtension } from '../extension/extension-negotiation.ts';
import type { HeaderFields, RequestHead } from '../handshake/http-head.ts';
import {
  refuse,
  type ServerHandshake,
  type ServerHandshakeOptions,
  ServerHandshakeRules,
  serializeHandshake,
  withSubprotocol,
} from '../handshake/server-handshake.ts';
import type { ConnectionLimits, HandshakeLimits } from '../limits.ts';
import type { Transport } from '../stream/transport.ts';
import type { Handler, Job } from './job.ts';
import { Refusal } from './refusal.ts';
import type { UpgradeRequest } from './session.ts';
import type { Delivery, KindOptions, Received, Sent } from './session-kind.ts';
import type { Stated } from './stated.ts';
import { type UpgradeOptions, upgradeStreams, upgradeTransport } from './upgrade.ts';

/** Options of `upgrade` that are handed on to it as they were given here: those that the opening handshake does not find out itself. */
export type PassedOptions = Omit<
  UpgradeOptions,
  'role' | 'handler' | 'context' | 'subprotocol' | 'extensions' | 'request' | 'response'
>;

// Complete, or it does not compile.
const passedNames: { readonly [Name in keyof Required<PassedOptions>]: true } = {
  remoteAddress: true,
  tls: true,
  limits: true,
  fragmentSize: true,
  slowConsumer: true,
  messages: true,
  raw: true,
  rsvBits: true,
};

/** Takes the options of a connection out of those of a server. What was left out or is undefined stays left out. */
export function pickPassed(options: PassedOptions): PassedOptions {
  const passed: Record<string, unknown> = {};
  for (const name of Object.keys(passedNames) as (keyof PassedOptions)[]) {
    if (options[name] !== undefined) passed[name] = options[name];
  }
  return passed;
}

/** Options of one upgrade: those of the opening handshake, and of the session behind it. */
export interface WebSocketUpgradeOptions<R extends boolean = false, M extends Delivery = 'whole'>
  extends Omit<ServerHandshakeOptions, 'limits'>,
    Omit<PassedOptions, 'limits' | keyof KindOptions>,
    KindOptions<R, M> {
  /** The rules of a server that applies them to each request: instead of the options of the handshake. */
  readonly rules?: ServerHandshakeRules;
  /** The IP address that the connection came in on: on a loopback address only loopback names are admitted as `Host`. */
  readonly localAddress?: string;
  /** What a router has found in the path, for the request's `parameters`. */
  readonly parameters?: UpgradeRequest['parameters'];
  /** What is left out is as in `defaultLimits`. */
  readonly limits?: Partial<ConnectionLimits & HandshakeLimits>;
}

/** The questions that `decide` asks the user, beside the rules. */
export interface AdmissionHooks<C> {
  /** Decides on the origin instead of the rule and `origins`; `undefined` is a request without one, which no browser sends. */
  readonly admitOrigin?: (origin: string | undefined, request: UpgradeRequest) => boolean | Promise<boolean>;
  /** Chooses one of the subprotocols that the client offers, or none, instead of `subprotocols`. */
  readonly chooseSubprotocol?: (
    offered: readonly string[],
    request: UpgradeRequest,
  ) => string | undefined | Promise<string | undefined>;
  /**
   * Looks at the request and gives the session's `context`, or a {@link Refusal}. May take as long as it wants; its signal is aborted when the client goes away
   * meanwhile. One that throws is answered with 500, and its error goes to the user context.
   */
  readonly admit?: (
    request: UpgradeRequest,
    options: { readonly signal: AbortSignal },
  ) => C | Refusal | Promise<C | Refusal>;
}

/** Options of {@link WebSocketUpgrade.decide}: those of the upgrade, and the hooks. */
export interface DecideOptions<C, R extends boolean = false, M extends Delivery = 'whole'>
  extends WebSocketUpgradeOptions<R, M>,
    AdmissionHooks<C> {
  /** Aborted when the client has gone away: the hooks need not go on. */
  readonly signal?: AbortSignal;
  /** Where the hooks run, and where their errors go. */
  readonly userContext?: UserContext;
}

/**
 * The answer to a request, and the upgrade when the answer is 101. Never throws for what a request holds.
 *
 * @example
 * server.on('upgrade', (request, socket, head) => {
 *   const upgrade = new WebSocketUpgrade(toRequestHead(request), {}, (session) => session.readable.pipeTo(session.writable));
 *   socket.write(upgrade.response());
 *   if (upgrade.status !== 101) return socket.end();
 *   const { readable, writable } = toByteStreams(socket, head);
 *   upgrade.upgrade(readable, writable);
 * });
 */
export class WebSocketUpgrade<C = undefined, R extends boolean = false, M extends Delivery = 'whole'> {
  readonly #handshake: ServerHandshake;
  readonly #options: UpgradeOptions<C, Received<R, M>, Sent<R>>;

  /**
   * @param decided What {@link WebSocketUpgrade.decide} has found out already.
   * @throws TypeError, RangeError when an option is wrong.
   */
  constructor(
    head: RequestHead,
    options: WebSocketUpgradeOptions<R, M>,
    handler?: Handler<C, Received<R, M>, Sent<R>>,
    decided?: Decision<C>,
  ) {
    this.#handshake = decided?.handshake ?? rulesOf(options).apply(head, options.localAddress);
    this.#options = toUpgradeOptions(head, options, handler, this.#handshake, decided?.context);
  }

  /**
   * As the constructor, and asks the hooks behind the rules: the origin, the subprotocol, then `admit`. Never rejects for what a request holds or a hook does.
   *
   * @throws TypeError, RangeError (a rejection) when an option is wrong.
   */
  static async decide<C = undefined, R extends boolean = false, M extends Delivery = 'whole'>(
    head: RequestHead,
    options: DecideOptions<C, R, M>,
    handler?: Handler<C, Received<R, M>, Sent<R>>,
  ): Promise<WebSocketUpgrade<C, R, M>> {
    const handshake = applyRules(rulesOf(options), head, options);
    const decision = await askHooks(handshake, toRequest(head, handshake, options), options);
    return new WebSocketUpgrade(head, options, handler, decision);
  }

  /** 101, or the status of the refusal. */
  get status(): number {
    return this.#handshake.status;
  }

  /** The header fields of the response. */
  get headers(): readonly (readonly [string, string])[] {
    return this.#handshake.headers;
  }

  /** The body of a refusal; '' for 101. */
  get body(): string {
    return this.#handshake.body;
  }

  /** Why the request was refused; undefined for 101. */
  get error(): HandshakeError | undefined {
    return this.#handshake.error;
  }

  /** The header fields of the request. */
  get requestHeaders(): HeaderFields {
    return this.#handshake.request;
  }

  /** The subprotocol that was chosen; '' when none. */
  get subprotocol(): string {
    return this.#handshake.subprotocol;
  }

  /** The extensions that the client offers, by name. */
  get extensionOffers(): ReadonlyMap<string, readonly ExtensionOffer[]> {
    return this.#handshake.offers;
  }

  /** The extensions that were agreed on. */
  get extensions(): readonly AgreedExtension[] {
    return this.#handshake.extensions;
  }

  /** The response as bytes: the head of the 101, or the whole refusal. */
  response(): Uint8Array {
    return serializeHandshake(this.#handshake);
  }

  /**
   * Starts the job over the byte streams of the connection, behind the request's head and our response.
   *
   * @throws TypeError unless the status is 101, or when a stream is locked.
   */
  upgrade(
    input: ReadableStream<Uint8Array>,
    output: WritableStream<Uint8Array>,
    engineContext?: EngineContext,
    userContext?: UserContext,
  ): Job<C, Received<R, M>, Sent<R>> {
    this.#assertAccepted();
    return upgradeStreams(input, output, engineContext, userContext, this.#options);
  }

  /** As {@link upgrade}, for an adapter that has no need of streams. */
  upgradeTransport(
    transport: Transport,
    engineContext?: EngineContext,
    userContext?: UserContext,
  ): Job<C, Received<R, M>, Sent<R>> {
    this.#assertAccepted();
    return upgradeTransport(transport, engineContext, userContext, this.#options);
  }

  #assertAccepted(): void {
    if (this.status !== 101) throw new TypeError(`Cannot upgrade: the request was refused with ${this.status}`);
  }
}

/** What the rules and the hooks have found. */
interface Decision<C> {
  readonly handshake: ServerHandshake;
  readonly context?: C;
}

function rulesOf(options: WebSocketUpgradeOptions<boolean, Delivery>): ServerHandshakeRules {
  return options.rules ?? new ServerHandshakeRules(options);
}

// An extension of the user's is as his hooks are: its error is told to him, and nothing of it to the peer.
function applyRules(
  rules: ServerHandshakeRules,
  head: RequestHead,
  options: DecideOptions<unknown, boolean, Delivery>,
): ServerHandshake {
  try {
    return rules.apply(head, options.localAddress, options.admitOrigin === undefined);
  } catch (error) {
    reportError(options.userContext ?? {}, error);
    return refuse(500, 'ERR_WS_REFUSED', 'The server failed');
  }
}

async function askHooks<C>(
  handshake: ServerHandshake,
  request: UpgradeRequest,
  options: DecideOptions<C, boolean, Delivery>,
): Promise<Decision<C>> {
  if (handshake.error !== undefined) return { handshake };
  const { admitOrigin, chooseSubprotocol, admit, userContext = {}, signal = new AbortController().signal } = options;
  const run = userContext.run ?? (<T>(callback: () => T): T => callback());
  try {
    const origin = handshake.request.get('origin');
    if (admitOrigin !== undefined && (await run(() => admitOrigin(origin, request))) !== true) {
      return { handshake: refuse(403, 'ERR_WS_ORIGIN', 'The origin is not admitted', [], handshake.request) };
    }
    let accepted = handshake;
    if (chooseSubprotocol !== undefined) {
      const offered = handshake.offeredSubprotocols;
      accepted = withSubprotocol(handshake, (await run(() => chooseSubprotocol(offered, request))) ?? '');
    }
    const context = admit === undefined ? undefined : await run(() => admit(request, { signal }));
    if (context instanceof Refusal) return { handshake: { ...context.handshake, request: handshake.request } };
    return context === undefined ? { handshake: accepted } : { handshake: accepted, context };
  } catch (error) {
    // Nothing of the error goes to the peer. A hook that ends because the client is gone has not failed.
    if (!(signal.aborted && error === signal.reason)) reportError(userContext, error);
    return { handshake: refuse(500, 'ERR_WS_REFUSED', 'The server failed', [], handshake.request) };
  }
}

function toRequest(
  { method, url, httpVersion = '1.1' }: RequestHead,
  { request: headers }: ServerHandshake,
  { parameters = {} }: WebSocketUpgradeOptions<boolean, Delivery>,
): UpgradeRequest {
  return { method, url, httpVersion, headers, parameters };
}

function toUpgradeOptions<C, I, O>(
  head: RequestHead,
  options: WebSocketUpgradeOptions<boolean, Delivery>,
  handler: Handler<C, I, O> | undefined,
  handshake: ServerHandshake,
  context: C | undefined,
): UpgradeOptions<C, I, O> {
  const { remoteAddress, tls, limits, fragmentSize, slowConsumer, messages, raw, rsvBits } = options;
  const all: Stated<Omit<UpgradeOptions<C, I, O>, 'response'>> = {
    role: 'server',
    subprotocol: handshake.subprotocol,
    extensions: handshake.extensions,
    request: toRequest(head, handshake, options),
    context,
    handler,
    remoteAddress,
    tls,
    limits,
    fragmentSize,
    slowConsumer,
    messages,
    raw,
    rsvBits,
  };
  return all as UpgradeOptions<C, I, O>;
}
