// A response as plain values, after it was received in every split.

import * as assert from 'uvu/assert';
import { HandshakeError } from '../../lib/error.ts';
import { HttpResponse, type HttpResponseOptions } from '../../lib/handshake/http-response.ts';
import { defaultLimits } from '../../lib/limits.ts';
import { deliver, fromLatin1 } from './deliver-response.ts';

type Fault = [code: string, message: string, status: number, headers: HandshakeError['headers'], body: string];

/** What has become of a response, as plain values. */
export interface Seen {
  readonly isDone: boolean;
  readonly status: number;
  readonly headers: [string, string][] | undefined;
  readonly body: string;
  readonly isCut: boolean;
  /** What came behind a head that has switched; undefined when it has not. */
  readonly rest: string | undefined;
  readonly fault: Fault | undefined;
}

function look(response: HttpResponse, unread: string): Seen {
  const { isDone, status, headers, body, isCut, isSwitched, rest, fault } = response;
  if (fault !== undefined) assert.instance(fault, HandshakeError);
  assert.ok(isSwitched || rest.byteLength === 0);
  return {
    isDone,
    status,
    headers: headers && ([...headers] as [string, string][]),
    body: fromLatin1(body),
    isCut,
    rest: isSwitched ? fromLatin1(rest) + unread : undefined,
    fault: fault && [fault.code, fault.message, fault.status, fault.headers, fromLatin1(fault.body)],
  };
}

/** Receives a response in every split. `end` is whether the transport ends behind it. */
export function receive(text: string, options: Partial<HttpResponseOptions> & { end?: boolean } = {}): Seen {
  const { end = false, ...rest } = options;
  return deliver(text, () => new HttpResponse({ limits: defaultLimits, ...rest }), look, end);
}

export function limitedTo(maxHeadSize: number, maxHeaders = 1000): Pick<HttpResponseOptions, 'limits'> {
  return { limits: { maxHeadSize, maxHeaders } };
}

/** The code of the fault; the state is the one of every fault. */
export function codeOf({ fault, isDone, rest }: Seen): unknown {
  assert.equal([isDone, rest], [true, undefined]);
  return fault?.[0];
}

/** The head of a 101, as short as one may be. */
export const switching = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n';
