// The flags of one command line, and what they say, read as numbers and texts.

import { quote, usage } from './usage-error.ts';

/** A flag as `node:util` has it. */
export interface Flag {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  readonly multiple?: true;
}

/** What was given, in its order. */
export class FlagValues {
  readonly #values = new Map<string, string[]>();

  /** @param value '' for a flag that takes none. */
  add(name: string, value: string): void {
    const values = this.#values.get(name);
    if (values === undefined) this.#values.set(name, [value]);
    else values.push(value);
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** Of a flag that is repeated the last one holds. */
  last(name: string): string | undefined {
    return this.#values.get(name)?.at(-1);
  }

  all(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  /** @throws UsageError */
  integer(name: string, least: number, most: number): number | undefined {
    const text = this.last(name);
    if (text === undefined) return undefined;
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw usage(`flag --${name} must be an integer from ${least} to ${most}, not ${quote(text)}`);
  }

  /**
   * Reads seconds, with a fraction or without; gives milliseconds.
   *
   * @throws UsageError
   */
  seconds(name: string, least: number, most: number): number | undefined {
    const text = this.last(name);
    if (text === undefined) return undefined;
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value * 1000;
    throw usage(`flag --${name} must be seconds from ${least} to ${most}, not ${quote(text)}`);
  }
}
