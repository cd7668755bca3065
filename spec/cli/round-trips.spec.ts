import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RoundTrips } from '../../lib/cli/round-trips.ts';

const test = suite('round-trips');

test('each is told with its number, and all of them together', () => {
  const roundTrips = new RoundTrips();
  assert.is(roundTrips.summary(), undefined);
  assert.is(roundTrips.add(2), 'ping 1: 2.00 ms');
  assert.is(roundTrips.add(0.5), 'ping 2: 0.50 ms');
  assert.is(roundTrips.add(6.5), 'ping 3: 6.50 ms');
  assert.is(roundTrips.summary(), 'pings: 3, least 0.50 ms, mean 3.00 ms, most 6.50 ms');
});

test.run();
