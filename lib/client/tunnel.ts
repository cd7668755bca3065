// What a client and a proxy say to each other before the proxy passes bytes on: bytes come in, bytes go out, and nobody waits for anything here.

import type { HandshakeError } from '../error.ts';

/** How it has ended. */
export type TunnelOutcome =
  | {
      readonly accepted: true;
      /** What came behind the proxy's last word: it is the target's. A view on the chunk that was pushed last. */
      readonly rest: Uint8Array;
    }
  | { readonly accepted: false; readonly error: HandshakeError };

/** One conversation with a proxy. */
export interface Tunnel {
  /** Undefined while it has not ended. */
  readonly outcome: TunnelOutcome | undefined;
  /** What is to be sent now; undefined when it is the proxy's turn. */
  take(): Uint8Array | undefined;
  /** Takes the next bytes from the proxy. Not called when there is an outcome. */
  push(chunk: Uint8Array): void;
  /** The connection has ended, or is not waited for any longer: there is an outcome afterwards. */
  end(): void;
}
