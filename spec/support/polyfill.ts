// Loaded before a spec that runs a second time: the engine's streams, and those that the spec makes itself, are the polyfill's.

import { ReadableStream, TransformStream, WritableStream } from 'web-streams-polyfill';
import '../../lib/polyfill.ts';

Object.assign(globalThis, { ReadableStream, TransformStream, WritableStream });

// The runner holds a spec to it: one that runs without has proved nothing.
console.log('streams: web-streams-polyfill');
