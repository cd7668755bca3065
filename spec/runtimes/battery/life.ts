// What connections leave behind: nothing.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Clock } from '../../../lib/connection/context.ts';
import { assertNothingEscaped } from '../../support/server.ts';
import { until, within } from '../../support/until.ts';
import { assertEchoes, Bench } from './bench.ts';
import type { Host } from './host.ts';

/** The platform's timers, counted. */
class CountingClock implements Clock {
  readonly pending = new Set<unknown>();

  now(): number {
    return performance.now();
  }

  setTimeout(callback: () => void, milliseconds: number): unknown {
    const timer = setTimeout(() => {
      this.pending.delete(timer);
      callback();
    }, milliseconds);
    (timer as { unref?: () => void }).unref?.();
    this.pending.add(timer);
    return timer;
  }

  clearTimeout(timer: unknown): void {
    clearTimeout(timer as NodeJS.Timeout);
    this.pending.delete(timer);
  }
}

/** Counts the listeners on a signal. */
function watched(signal: AbortSignal): () => number {
  let count = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...parameters: Parameters<typeof addEventListener>) => {
    count++;
    addEventListener.apply(signal, parameters);
  };
  signal.removeEventListener = (...parameters: Parameters<typeof removeEventListener>) => {
    count--;
    removeEventListener.apply(signal, parameters);
  };
  return () => count;
}

export function testLife(host: Host): void {
  const test = suite(`${host.name} · nothing is left`);

  test('100 connections that end in every way leave no session, no timer and no listener on a shared signal', async () => {
    const clock = new CountingClock();
    const signals = [new AbortController().signal, new AbortController().signal] as const;
    const counts = signals.map(watched);
    const contexts = { engineContext: { clock, signal: signals[0] }, userContext: { signal: signals[1] } };
    await using bench = await Bench.open(host, contexts, async (session) => {
      for await (const message of session) {
        if (message === 'throw') throw new Error('as told');
        if (message === 'return') return;
        if (message === 'close') void session.close(3000);
        else if (message === 'cancel') session.job.cancel();
        else await session.send(message);
      }
    });
    const ways = ['throw', 'return', 'close', 'cancel', 'here', 'gone', 'cancelled', 'pinged', 'both', 'unread'];
    const live = async (way: string): Promise<void> => {
      const session = await bench.connect(contexts);
      await assertEchoes(session, 'hello');
      if (['throw', 'return', 'close', 'cancel'].includes(way)) await session.send(way);
      else if (way === 'cancelled') session.job.cancel();
      else if (way === 'gone') await session.job[Symbol.asyncDispose]();
      else if (way === 'pinged') await session.ping();
      else if (way === 'unread') for (let count = 0; count < 10; count++) await session.send('unread');
      if (['here', 'pinged', 'both', 'unread'].includes(way)) void session.close();
      await within(session.job.closed, `the end by "${way}"`);
    };
    for (let round = 0; round < 10; round++) await Promise.all(ways.map(live));
    await bench.quiet();
    assert.is(bench.server.counters.upgraded, 100);
    await until(() => clock.pending.size === 0, `no timer is pending, of ${clock.pending.size}`);
    assert.ok(bench.reported.every((error) => (error as Error).message === 'as told'));
    assert.is(bench.reported.length, 10);
    await bench.server.stop();
    assert.equal(
      counts.map((count) => count()),
      [0, 0],
    );
  });

  test('nothing has escaped in all of this', async () => {
    await assertNothingEscaped();
  });

  test.run();
}
