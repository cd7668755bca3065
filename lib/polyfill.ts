// `import 'millrace/polyfill'`, before anything else of millrace: all streams that it makes are those of web-streams-polyfill, also where the platform has its
// own. For who wants the same implementation everywhere. A runtime that lacks WHATWG Streams needs no import: there the polyfill comes in by itself.

import { ReadableStream, TransformStream, WritableStream } from 'web-streams-polyfill';
import { type StreamsImplementation, useStreams } from './stream/streams.ts';

useStreams({ ReadableStream, TransformStream, WritableStream } as unknown as StreamsImplementation);
