// `node:http`, loaded as CommonJS loads it. An `import` reads all that it exports, and among that is the WebSocket of Node's own, for which Node loads undici and what that needs: 2.9 MiB of heap
// instead of 1.0 and three times the time (Node 24). V8 goes through its heap in each full collection, and a server of long messages has some twenty of them a second.

import type * as Http from 'node:http';
import { createRequire } from 'node:module';

/** The module. What it is required from does not matter; an URL of this module is none that a bundler knows that makes CommonJS. */
export const http: typeof Http = /* @__PURE__ */ createRequire('/')('node:http');
