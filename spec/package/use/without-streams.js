// Takes the classes that MISSING names away from the runtime, then runs what uses everything.

import process from 'node:process';

for (const name of (process.env.MISSING ?? '').split(',').filter((word) => word !== '')) {
  delete globalThis[name];
  if (globalThis[name] !== undefined) throw new Error(`${name} is still there`);
}
await import('./everything.js');
