import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as polyfill from 'web-streams-polyfill';
import { chooseFor, type StreamsImplementation, streams, useStreams } from '../../lib/stream/streams.ts';
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
test('those of web-streams-polyfill where the platform lacks one of the classes, all three of them: two implementations do not mix', () => {
  const ponyfill = polyfill as unknown as StreamsImplementation;
  const whole = { ReadableStream, WritableStream, TransformStream };
  assert.equal(chooseFor(whole), whole);
  for (const name of ['ReadableStream', 'WritableStream', 'TransformStream'] as const) {
    for (const broken of [undefined, null, {}, 'no class']) {
      const chosen = chooseFor({ ...whole, [name]: broken });
      for (const each of Object.keys(whole) as (keyof typeof whole)[])
        assert.is(chosen[each] as unknown, ponyfill[each]);
    }
  }
  assert.is(chooseFor({}).ReadableStream as unknown, polyfill.ReadableStream);
});

test('what has been chosen stays chosen, whatever becomes of the platform’s', () => {
  useStreams(chooseFor(globalThis));
  const { TransformStream: own } = globalThis;
  Reflect.deleteProperty(globalThis, 'TransformStream');
  try {
    assert.is(streams().TransformStream, own);
  } finally {
    globalThis.TransformStream = own;
    useStreams(globalThis);
  }
});
test.run();
