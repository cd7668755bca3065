// Loaded before a server, in any runtime: tells what its process holds, behind collections.

import process from 'node:process';
import { retained } from '../support/memory.js';
import { answer } from '../support/process.js';

answer({
  memory: async () => {
    const collected = await retained();
    // What a runtime without V8 says of its heap is something else.
    return { retained: 'Bun' in globalThis ? undefined : collected, resident: process.memoryUsage().rss };
  },
});
