import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { StreamTransport } from '../../lib/stream/stream-transport.ts';
import type { TransportReceiver } from '../../lib/stream/transport.ts';
import { throws } from '../support/check.ts';
import { turns } from '../support/clock.ts';
import { join } from '../support/hex.ts';
import { watchEscapes } from '../support/pair.ts';

const { seen } = watchEscapes();

class Log implements TransportReceiver {
  readonly lines: string[] = [];
  readonly errors: unknown[] = [];
  chunkReceived(chunk: Uint8Array, isOwned: boolean): void {
    assert.is(chunk.constructor, Uint8Array);
    assert.not(isOwned);
    this.lines.push(`chunk ${[...chunk]}`);
  }
  endReceived(): void {
    this.lines.push('end');
  }
  writeTaken(): void {
    this.lines.push('taken');
  }
  endSent(): void {
    this.lines.push('end sent');
  }
  transportClosed(error?: unknown): void {
    this.lines.push('closed');
    this.errors.push(error);
  }
}

interface Rig {
  transport: StreamTransport;
  log: Log;
  input: ReadableStreamDefaultController<Uint8Array>;
  output: WritableStreamDefaultController;
  written: Uint8Array[];
  state: { pulls: number; cancelled: unknown; closed: boolean; aborted: unknown; gate: Promise<void> | undefined };
}

function createRig(): Rig {
  const log = new Log();
  const written: Uint8Array[] = [];
  const state: Rig['state'] = { pulls: 0, cancelled: undefined, closed: false, aborted: undefined, gate: undefined };
  let input!: ReadableStreamDefaultController<Uint8Array>;
  let output!: WritableStreamDefaultController;
  const readable = new ReadableStream<Uint8Array>(
    {
      start: (controller) => {
        input = controller;
      },
      pull: () => {
        state.pulls++;
      },
      cancel: (reason) => {
        state.cancelled = reason ?? 'no reason';
      },
    },
    { highWaterMark: 0 },
  );
  const writable = new WritableStream<Uint8Array>({
    start: (controller) => {
      output = controller;
    },
    write: async (chunk) => {
      await state.gate;
      written.push(chunk);
    },
    close: () => {
      state.closed = true;
    },
    abort: (reason) => {
      state.aborted = reason ?? 'no reason';
    },
  });
  const transport = new StreamTransport(readable, writable);
  transport.start(log);
  return { transport, log, input, output, written, state };
}

const test = suite('stream transport · over foreign streams');

test('gives chunks as plain Uint8Arrays that are not ours, and the end', async () => {
  const { log, input } = createRig();
  input.enqueue(Buffer.from([1, 2]));
  input.enqueue(Uint8Array.of(3));
  await turns();
  input.close();
  await turns();
  assert.equal(log.lines, ['chunk 1,2', 'chunk 3', 'end']);
});

test('while it is paused it asks for no chunk', async () => {
  const { transport, log, input, state } = createRig();
  await turns();
  assert.is(state.pulls, 1);
  transport.pause();
  input.enqueue(Uint8Array.of(1));
  await turns();
  assert.equal([state.pulls, log.lines], [1, ['chunk 1']]);
  transport.resume();
  transport.resume();
  await turns();
  assert.is(state.pulls, 2);
});

test('writes the pieces as fresh chunks of at most 64 KiB, in order, and tells when they were taken', async () => {
  const { transport, log, written } = createRig();
  const mine = new Uint8Array(150_000).map((_, index) => index);
  const pieces = [Uint8Array.of(1, 2), mine, Uint8Array.of(3)];
  transport.write(pieces);
  await turns();
  assert.equal(log.lines, ['taken']);
  assert.is(Buffer.compare(join(...written), join(...pieces)), 0);
  assert.ok(written.every((chunk) => chunk.byteLength <= 65536 && chunk.byteLength === chunk.buffer.byteLength));
  assert.is(written.length, 3);
});

test('is not told that a write was taken before the sink has taken it', async () => {
  const { transport, log, state } = createRig();
  let open = (): void => {};
  state.gate = new Promise((resolve) => {
    open = resolve;
  });
  transport.write([Uint8Array.of(1)]);
  await turns();
  assert.equal(log.lines, []);
  open();
  await turns();
  assert.equal(log.lines, ['taken']);
});

test('is closed when both halves have ended, without an error, and lets go of the locks', async () => {
  const { transport, log, input, state } = createRig();
  transport.end();
  await turns();
  assert.equal([log.lines, state.closed], [['end sent'], true]);
  input.close();
  await turns();
  assert.equal([log.lines, log.errors], [['end sent', 'end', 'closed'], [undefined]]);
});

test('an input that breaks aborts the output; an output that breaks cancels the input', async () => {
  const first = createRig();
  first.input.error(new Error('in'));
  await turns();
  assert.equal(first.log.lines, ['closed']);
  assert.is((first.state.aborted as Error).message, 'in');
  const second = createRig();
  second.output.error(new Error('out'));
  await turns();
  assert.equal(second.log.lines, ['closed']);
  assert.is((second.log.errors[0] as Error).message, 'out');
  assert.is((second.state.cancelled as Error).message, 'out');
});

test('a chunk that is not bytes is a TypeError that closes it', async () => {
  const { log, input } = createRig();
  input.enqueue('text' as never);
  await turns();
  assert.equal(log.lines, ['closed']);
  assert.instance(log.errors[0], TypeError);
});

test('destroy cuts both ways at once, even while a write of the sink never settles', async () => {
  const { transport, log, state } = createRig();
  state.gate = new Promise(() => {});
  transport.write([Uint8Array.of(1)]);
  await turns();
  transport.destroy('enough');
  await turns();
  assert.equal([log.lines, state.cancelled], [['closed'], 'enough']);
});

test('streams that are locked already are refused, and the other one stays free', () => {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const other = new TransformStream<Uint8Array, Uint8Array>();
  writable.getWriter();
  throws(() => new StreamTransport(other.readable, writable), TypeError);
  assert.not(other.readable.locked);
  other.readable.getReader();
  throws(() => new StreamTransport(other.readable, other.writable), TypeError);
  void readable;
});

test('nothing has escaped in all of this', async () => {
  await turns();
  assert.equal(seen, []);
});
test.run();
