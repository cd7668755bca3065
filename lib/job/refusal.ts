// What a hook gives to refuse an upgrade: an HTTP response of the user's own.

import { type RefusedHandshake, refuse } from '../handshake/server-handshake.ts';

/** What a refusal says beside its status. */
export interface RefusalOptions {
  /** More header fields. A Content-Type takes the place of `text/plain`. */
  readonly headers?: Iterable<readonly [string, string]>;
  /** The body, as UTF-8. Default: a line that says that the upgrade was refused. */
  readonly body?: string;
}

// Fields of one connection (RFC 9110 §7.6.1), and those of the opening handshake.
const CONNECTION_FIELDS =
  /^(connection|content-length|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade|sec-websocket-.*)$/i;
/** Fields that describe the body. */
const CONTENT_FIELDS = /^content-/i;

/**
 * Refuses an upgrade: what an `admit` hook returns instead of a context.
 *
 * @example
 * const admit = (request: UpgradeRequest) =>
 *   request.headers.has('authorization') ? { user: 'Ada' } : new Refusal(401, { headers: [['WWW-Authenticate', 'Bearer']] });
 */
export class Refusal {
  /** The answer as the handshake writes it. */
  readonly handshake: RefusedHandshake;

  /** @throws RangeError when the status is not from 300 to 599, TypeError when a header cannot be written or is the engine's own. */
  constructor(status: number, { headers, body }: RefusalOptions = {}) {
    this.handshake = refuse(status, 'ERR_WS_REFUSED', 'The upgrade was refused', headers, undefined, body);
  }

  /**
   * Refuses as the application itself would: with the status, the header fields and the body of a response that its routes have given. Left out are fields that say how a
   * connection goes on, which the engine writes itself, and a body that is encoded (compressed): a refusal's is text.
   *
   * @throws RangeError (a rejection) when the status is not from 300 to 599; what reading the body throws.
   *
   * @example
   * const server = await serve(
   *   {
   *     admit: async (request, { signal }) => {
   *       const page = await fetch(new URL(request.url, 'http://127.0.0.1:3000'), { signal });
   *       return page.ok ? undefined : Refusal.from(page);
   *     },
   *   },
   *   handler,
   * );
   */
  static async from(response: Pick<Response, 'status' | 'headers' | 'text'>): Promise<Refusal> {
    const body = await response.text();
    const isText = (response.headers.get('content-encoding') ?? 'identity') === 'identity';
    const isPassed = ([name]: readonly [string, string]): boolean =>
      !CONNECTION_FIELDS.test(name) && (isText || !CONTENT_FIELDS.test(name));
    const headers = [...response.headers].filter(isPassed);
    return new Refusal(response.status, isText ? { headers, body } : { headers });
  }

  /** The HTTP status: 300 to 599. */
  get status(): number {
    return this.handshake.status;
  }
}
