// Connections of a client by `Bun.connect`: TCP, unix domain sockets, TLS. What Bun's own TLS cannot do goes over `node:tls`, which Bun has too.

import type { Dialled } from '../client/connect.ts';
import type { Target } from '../client/target.ts';
import { onAbort } from '../job/signal-registry.ts';
import {
  type BunConnectInit,
  type BunSocket,
  type BunSocketHandler,
  type BunSocketOwner,
  type BunTls,
  getBun,
  passOn,
  passOnTls,
} from './bun-api.ts';
import { toBunClientTls, toBunTlsFacts } from './bun-tls.ts';
import { BunTransport } from './bun-transport.ts';
import { type DialOptions, dial } from './node-dial.ts';

/**
 * Connects to a target. Rejects with the error of the socket, or with the signal's reason.
 *
 * Bun cannot give up a connection that is being made: when the signal is aborted then, it is cut as soon as it is there, and the system gives up in its own time. Until then it keeps the process
 * alive.
 */
export async function dialBun(target: Target, options: DialOptions, signal: AbortSignal): Promise<Dialled> {
  signal.throwIfAborted();
  const bun = getBun();
  if (!target.isSecure) return new Dialling(bun, target, undefined, undefined, signal).result;
  const { tls: wanted = {} } = options;
  const tls = target.socketPath === undefined ? toBunClientTls(wanted, target.host) : undefined;
  if (tls === undefined) return dial(target, options, signal);
  return new Dialling(bun, target, tls, wanted.checkCertificate, signal).result;
}

type CheckCertificate = NonNullable<DialOptions['tls']>['checkCertificate'];

/** One connection on its way: the owner of its socket until it has a transport. */
class Dialling implements BunSocketOwner {
  readonly result: Promise<Dialled>;
  readonly #tls: BunTls | undefined;
  readonly #checkCertificate: CheckCertificate;
  #socket: BunSocket | undefined;
  #isSettled = false;
  #error: Error | undefined;
  #fulfil!: (dialled: Dialled) => void;
  #reject!: (reason: unknown) => void;
  // An aborted signal calls back before it gives a function.
  #release = (): void => {};

  constructor(
    bun: ReturnType<typeof getBun>,
    target: Target,
    tls: BunTls | undefined,
    checkCertificate: CheckCertificate,
    signal: AbortSignal,
  ) {
    this.#tls = tls;
    this.#checkCertificate = checkCertificate;
    this.result = new Promise((fulfil, reject) => {
      this.#fulfil = fulfil;
      this.#reject = reject;
    });
    this.#release = onAbort(signal, (reason) => this.#fail(reason));
    if (!this.#isSettled) this.#connect(bun, target);
  }

  // --- BunSocketOwner ------------------------------------------------------------------------------------------------

  handshook(isDone: boolean, error: Error | null): void {
    const socket = this.#socket as BunSocket;
    if (this.#isSettled) return;
    if (!this.#isTrusted(socket, isDone, error)) {
      return this.#fail(error ?? new Error('The TLS handshake has failed'));
    }
    try {
      this.#checkCertificate?.(socket.getPeerCertificate());
    } catch (reason) {
      return this.#fail(reason);
    }
    this.#finish(socket);
  }

  // Nothing comes before the handshake is over, and behind it there is another owner.
  received(): void {}

  drained(): void {}

  ended(): void {
    this.#fail(closedEarly());
  }

  closed(error: Error | undefined): void {
    this.#fail(this.#error ?? error ?? closedEarly());
  }

  failed(error: Error): void {
    this.#error ??= error;
    this.#fail(error);
  }

  // --- Its way -------------------------------------------------------------------------------------------------------

  #connect(bun: ReturnType<typeof getBun>, { host, port, socketPath }: Target): void {
    const socket = this.#tls === undefined ? plain : secure;
    const shared = { allowHalfOpen: true, data: this, socket } as const;
    const init: BunConnectInit =
      socketPath === undefined
        ? { ...shared, hostname: host, port, ...(this.#tls === undefined ? undefined : { tls: this.#tls }) }
        : { ...shared, unix: socketPath };
    try {
      bun.connect(init).catch((error) => this.#fail(error));
    } catch (error) {
      this.#fail(error);
    }
  }

  opened(socket: BunSocket): void {
    this.#socket = socket;
    if (this.#isSettled) return socket.terminate();
    socket.setNoDelay(true);
    if (this.#tls === undefined) this.#finish(socket);
  }

  // Without verification Bun tells a wrong name as a handshake that was not done, but goes on; all else that is not done is over.
  #isTrusted(socket: BunSocket, isDone: boolean, error: (Error & { code?: string }) | null): boolean {
    if (this.#tls?.rejectUnauthorized !== false) return isDone && error === null && socket.authorized;
    return isDone || error?.code === 'ERR_TLS_CERT_ALTNAME_INVALID';
  }

  #finish(socket: BunSocket): void {
    const { remoteAddress } = socket;
    const tls = this.#tls === undefined ? undefined : toBunTlsFacts(socket, true);
    this.#settle();
    this.#fulfil({
      transport: new BunTransport(socket),
      ...(remoteAddress === undefined ? undefined : { remoteAddress }),
      ...(tls === undefined ? undefined : { tls }),
    });
  }

  #fail(reason: unknown): void {
    if (this.#isSettled) return;
    this.#settle();
    // It may call back: this is settled.
    this.#socket?.terminate();
    this.#reject(reason);
  }

  #settle(): void {
    this.#isSettled = true;
    this.#release();
  }
}

const open = (socket: BunSocket): void => (socket.data as Dialling).opened(socket);
const plain: BunSocketHandler = passOn(open);
const secure: BunSocketHandler = passOnTls(open);

function closedEarly(): Error {
  return new Error('The connection was closed before it was ready');
}
