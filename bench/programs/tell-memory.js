// A server that tells what its process holds, behind collections, in any runtime. Arguments: the program that it is, and that one's own.

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

// The program finds its arguments where it looks for them.
const [program] = process.argv.splice(2, 1);
await import(`./${program}.js`);
