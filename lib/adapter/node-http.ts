// `node:http`, loaded as CommonJS loads it. An `import` reads all that it exports, and among that is the WebSocket of Node's own, for which Node loads undici and what that needs: 2.9 MiB of heap
// instead of 1.0 and three times the time (Node 24). V8 goes through its heap in each full collection, and a server of long messages has some twenty of them a second.

import type * as Http from 'node:http';
import { createRequire } from 'node:module';

/** The module. */
export const http: typeof Http = /* @__PURE__ */ load();

function load(): typeof Http {
  const { process } = globalThis as { process?: { getBuiltinModule?: (name: string) => typeof Http } };
  // Node has it since 20.16, and a bundler that makes CommonJS has no URL of the module.
  return process?.getBuiltinModule?.('node:http') ?? createRequire(import.meta.url)('node:http');
}
