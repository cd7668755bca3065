// A WebSocket of a platform, whose server the test plays. It keeps the rules of the platform that its users must know: what `close` takes, and when `send` throws.

import { turns } from './until.ts';

interface Closing {
  readonly code: number | undefined;
  readonly reason: string | undefined;
}

export class FakeWebSocket extends EventTarget {
  /** All that were made, in their order. */
  static made: FakeWebSocket[] = [];
  /** What the next constructor throws. */
  static failure: unknown;

  readonly url: string;
  readonly protocols: readonly string[];
  binaryType = 'blob';
  extensions = '';
  protocol = '';
  readyState = 0;
  bufferedAmount = 0;
  /** Whether what is sent stays in the buffer. */
  isBlocked = false;
  readonly sent: (string | Uint8Array)[] = [];
  readonly closings: Closing[] = [];
  /** Listeners of each type. */
  readonly listeners = new Map<string, number>();

  constructor(url: string, protocols: readonly string[] = []) {
    super();
    const { failure } = FakeWebSocket;
    FakeWebSocket.failure = undefined;
    if (failure !== undefined) throw failure;
    this.url = url;
    this.protocols = protocols;
    FakeWebSocket.made.push(this);
  }

  /** The newest. */
  static get last(): FakeWebSocket {
    return FakeWebSocket.made.at(-1) as FakeWebSocket;
  }

  send(data: string | Uint8Array): void {
    if (this.readyState === 0) throw new DOMException('It is connecting', 'InvalidStateError');
    if (this.readyState !== 1) throw new Error('A platform complains of it on its console');
    this.sent.push(typeof data === 'string' ? data : data.slice());
    if (this.isBlocked) this.bufferedAmount += data.length;
  }

  close(code?: number, reason?: string): void {
    if (code !== undefined && code !== 1000 && !(code >= 3000 && code <= 4999))
      throw new DOMException(`It cannot be closed with ${code}`, 'InvalidAccessError');
    this.closings.push({ code, reason });
    if (this.readyState < 2) this.readyState = 2;
  }

  // --- The server ----------------------------------------------------------------------------------------------------

  async open(protocol = '', extensions = ''): Promise<void> {
    Object.assign(this, { protocol, extensions, readyState: 1 });
    this.dispatchEvent(new Event('open'));
    await turns(2);
  }

  say(data: string | ArrayBuffer): void {
    this.dispatchEvent(Object.assign(new Event('message'), { data }));
  }

  /** The connection has ended. */
  async end(code: number, reason = '', wasClean = code !== 1006): Promise<void> {
    this.readyState = 3;
    if (!wasClean) this.dispatchEvent(new Event('error'));
    this.dispatchEvent(Object.assign(new Event('close'), { code, reason, wasClean }));
    await turns(4);
  }

  // --- What is left --------------------------------------------------------------------------------------------------

  override addEventListener(...args: Parameters<EventTarget['addEventListener']>): void {
    this.#count(args[0], 1);
    super.addEventListener(...args);
  }

  // A signal that is aborted comes here too.
  override removeEventListener(...args: Parameters<EventTarget['removeEventListener']>): void {
    this.#count(args[0], -1);
    super.removeEventListener(...args);
  }

  /** How many listeners it has. */
  get listening(): number {
    return [...this.listeners.values()].reduce((sum, count) => sum + count, 0);
  }

  #count(type: string, change: number): void {
    this.listeners.set(type, (this.listeners.get(type) ?? 0) + change);
  }
}
