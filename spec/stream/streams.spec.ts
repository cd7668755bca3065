import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { streams, useStreams } from '../../lib/stream/streams.ts';
import { ByHand } from '../support/pair.ts';

const test = suite('streams · which implementation is used');

test('the platform’s own by default', () => {
  assert.is(streams().ReadableStream, globalThis.ReadableStream);
});

test('another one, for all streams made from then on', () => {
  const made: unknown[] = [];
  const Other = new Proxy(ReadableStream, {
    construct(target, parameters) {
      const stream = Reflect.construct(target, parameters);
      made.push(stream);
      return stream;
    },
  });
  useStreams({ ReadableStream: Other, WritableStream, TransformStream });
  try {
    assert.ok(made.includes(new ByHand().job.session.readable));
  } finally {
    useStreams(globalThis);
  }
  assert.not(made.includes(new ByHand().job.session.readable));
});
test.run();
