// `import 'millrace/polyfill'`, before anything else of millrace: all streams that it makes are those of web-streams-polyfill. For runtimes that lack
// WHATWG Streams, and for who wants the same implementation everywhere.

import { ReadableStream, TransformStream, WritableStream } from 'web-streams-polyfill';
import { type StreamsImplementation, useStreams } from './stream/streams.ts';

useStreams({ ReadableStream, TransformStream, WritableStream } as unknown as StreamsImplementation);
