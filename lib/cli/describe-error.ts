// Why something failed, in one line.

import { HandshakeError } from '../error.ts';
import { escapeControls } from './printable.ts';

const LONGEST = 300;

/** Tells an error, what caused it, and what a server has said when it refused. */
export function describeError(error: unknown): string {
  const parts = [...messagesOf(error)].filter((text, index, all) => text !== '' && all.indexOf(text) === index);
  const answer = error instanceof HandshakeError ? describeAnswer(error) : '';
  return escapeControls(
    [...parts, answer]
      .filter((text) => text !== '')
      .join(': ')
      .replace(/\s+/g, ' '),
  );
}

function* messagesOf(error: unknown): Generator<string> {
  let one = error;
  // A chain of causes may be a circle.
  for (let depth = 0; depth < 5 && one !== undefined && one !== null; depth++) {
    // Several addresses were tried: each has failed, and the message is empty.
    if (one instanceof AggregateError && one.message === '') one = one.errors[0] ?? one;
    yield one instanceof Error ? one.message || ((one as NodeJS.ErrnoException).code ?? one.name) : String(one);
    one = one instanceof Error ? one.cause : undefined;
  }
}

/** Where it redirects to, or the first line of its body. */
function describeAnswer({ status, headers, body }: HandshakeError): string {
  const location = headers.find(([name]) => name.toLowerCase() === 'location')?.[1];
  if (status >= 300 && status < 400 && location !== undefined) return `Location: ${cut(location)}`;
  const text = new TextDecoder().decode(body.subarray(0, 4 * LONGEST), { stream: true });
  const line = text.split(/[\r\n]+/).find((one) => one.trim() !== '') ?? '';
  // A body that is no text: compressed, say.
  return line.includes('\ufffd') || line.includes('\0') ? '' : cut(line.trim());
}

function cut(text: string): string {
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST)}…`;
}
