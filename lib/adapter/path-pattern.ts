// Which paths belong to a handler: patterns such as `/chat/:room` and `/files/*path`.

import { match } from 'path-to-regexp';

/** What a pattern has found in a path: `:name` gives a string, `*name` the segments. */
export type PathParameters = Readonly<Record<string, string | string[] | undefined>>;

/** Gives the parameters of a request target's path, or undefined when it does not match. */
export type PathMatcher = (url: string) => PathParameters | undefined;

const NOTHING: PathParameters = Object.freeze({});

/**
 * Compiles a pattern in the syntax of path-to-regexp: `:name` is one segment, `*name` one or more, `{…}` is optional. Without a pattern every path matches.
 * A path that cannot be decoded matches none.
 *
 * @throws TypeError when the pattern is malformed.
 */
export function compilePath(pattern: string | undefined): PathMatcher {
  if (pattern === undefined) return () => NOTHING;
  const matcher = compile(pattern);
  return (url) => {
    const end = url.search(/[?#]/);
    try {
      const found = matcher(end < 0 ? url : url.slice(0, end));
      // Its object has no prototype: a parameter may have any name.
      return found === false ? undefined : { ...found.params };
    } catch {
      return undefined;
    }
  };
}

function compile(pattern: string): ReturnType<typeof match<Record<string, string | string[]>>> {
  try {
    return match<Record<string, string | string[]>>(pattern);
  } catch (error) {
    throw new TypeError(`Cannot match paths with ${JSON.stringify(pattern)}: ${(error as Error).message}`);
  }
}
