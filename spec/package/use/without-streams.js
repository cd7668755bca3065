// Takes the classes that MISSING names away from the runtime, then runs what uses everything.

// Node's own module of HTTP needs them when it is loaded, for the WebSocket in it. They are taken away from us, not from Node.
import 'node:http';
import process from 'node:process';

for (const name of (process.env.MISSING ?? '').split(',').filter((word) => word !== '')) {
  delete globalThis[name];
  if (globalThis[name] !== undefined) throw new Error(`${name} is still there`);
}
await import('./everything.js');
