// What the flags of `millrace echo` ask for.

import { compileOriginRule } from '../handshake/origin.ts';
import { defaultLimits } from '../limits.ts';
import type { FlagValues } from './flag-values.ts';
import { quote, usage } from './usage-error.ts';

/** `millrace echo` with all its flags filled in. */
export interface EchoArguments {
  readonly command: 'echo';
  readonly port: number;
  readonly host: string;
  readonly maxMessageSize: number;
  /** The origins of pages that are admitted beside the server's own. */
  readonly origins: readonly string[];
  /** Whether messages are compressed, where the peer offers it. */
  readonly deflate: boolean;
}

/** The flags that only `echo` has, and those that it shares with others. */
export const echoFlags = {
  port: { type: 'string' },
  host: { type: 'string' },
  'max-message-size': { type: 'string' },
  'allow-origin': { type: 'string', multiple: true },
  deflate: { type: 'boolean' },
} as const;

export const DEFAULT_PORT = 8080;
export const DEFAULT_HOST = '127.0.0.1';
/** The most that the longest message can be set to: 1 GiB. */
export const LARGEST_SIZE: number = 1024 ** 3;

/** @throws UsageError */
export function readEchoArguments(values: FlagValues, [more]: readonly string[]): EchoArguments {
  if (more !== undefined) throw usage(`unexpected argument ${quote(more)}`);
  return {
    command: 'echo',
    port: values.integer('port', 0, 65_535) ?? DEFAULT_PORT,
    host: checkHost(values.last('host') ?? DEFAULT_HOST),
    maxMessageSize: values.integer('max-message-size', 1, LARGEST_SIZE) ?? defaultLimits.maxMessageSize,
    origins: checkOrigins(values.all('allow-origin')),
    deflate: values.has('deflate'),
  };
}

function checkOrigins(origins: readonly string[]): readonly string[] {
  try {
    compileOriginRule({ origins });
  } catch (error) {
    throw usage(`flag --allow-origin is wrong: ${(error as Error).message}`);
  }
  return origins;
}

function checkHost(text: string): string {
  if (text.trim() === '') throw usage('flag --host must not be empty');
  return text;
}
