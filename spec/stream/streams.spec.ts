import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { streams, useStreams } from '../../lib/stream/streams.ts';
import { ByHand } from '../support/pair.ts';

const test = suite('streams · which implementation is used');

test('the platform’s own by default', () => {
  assert.is(streams().ReadableStream, globalThis.ReadableStream);
});

test('another one, for all streams made from then on', () => {
  class Other extends ReadableStream {}
  useStreams({ ReadableStream: Other as typeof ReadableStream, WritableStream, TransformStream });
  try {
    assert.instance(new ByHand().job.session.readable, Other);
  } finally {
    useStreams(globalThis);
  }
  assert.not(new ByHand().job.session.readable instanceof Other);
});
test.run();
