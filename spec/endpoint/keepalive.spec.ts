// When a ping is due and when the peer is dead: a table of moments, without a timer.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Keepalive } from '../../lib/endpoint/keepalive.ts';

const test = suite('keepalive · RFC 6455 §5.5.2');

const NEVER = Number.POSITIVE_INFINITY;

test('a ping is due when nothing has come for the interval, and it is said once', () => {
  const keepalive = new Keepalive(100, 30, 1000);
  assert.is(keepalive.deadline, 1100);
  assert.is(keepalive.judge(1099), 'wait');
  assert.is(keepalive.judge(1100), 'ping');
  assert.is(keepalive.judge(1101), 'wait');
});

test('whatever comes starts the interval anew', () => {
  const keepalive = new Keepalive(100, 30, 0);
  keepalive.heard(60);
  assert.is(keepalive.deadline, 160);
  assert.is(keepalive.judge(159), 'wait');
  assert.is(keepalive.judge(160), 'ping');
});

test('the time of the answer starts when the transport has taken the ping, not before', () => {
  const keepalive = new Keepalive(100, 30, 0);
  assert.is(keepalive.judge(100), 'ping');
  assert.is(keepalive.deadline, NEVER);
  assert.is(keepalive.judge(1_000_000), 'wait');
  keepalive.pingTaken(1_000_000);
  assert.is(keepalive.deadline, 1_000_030);
  assert.is(keepalive.judge(1_000_029), 'wait');
  assert.is(keepalive.judge(1_000_030), 'dead');
});

test('a write that is taken later does not move the time of the answer', () => {
  const keepalive = new Keepalive(100, 30, 0);
  keepalive.judge(100);
  keepalive.pingTaken(101);
  keepalive.pingTaken(120);
  assert.is(keepalive.deadline, 131);
});

test('a write that is taken while no ping is out means nothing', () => {
  const keepalive = new Keepalive(100, 30, 0);
  keepalive.pingTaken(50);
  assert.is(keepalive.deadline, 100);
});

test('any byte behind the ping is life, also one that comes before the ping is taken', () => {
  const keepalive = new Keepalive(100, 30, 0);
  keepalive.judge(100);
  keepalive.heard(105);
  assert.is(keepalive.deadline, 205);
  // The ping of before is taken now; it is nobody's business any more.
  keepalive.pingTaken(110);
  assert.is(keepalive.deadline, 205);
  keepalive.judge(205);
  keepalive.pingTaken(206);
  keepalive.heard(230);
  assert.is(keepalive.judge(236), 'wait');
  assert.is(keepalive.judge(330), 'ping');
});

test('an interval of Infinity means no pings, a time-out of Infinity no death', () => {
  const silent = new Keepalive(NEVER, 30, 0);
  assert.is(silent.deadline, NEVER);
  assert.is(silent.judge(Number.MAX_SAFE_INTEGER), 'wait');
  const patient = new Keepalive(100, NEVER, 0);
  assert.is(patient.judge(100), 'ping');
  patient.pingTaken(100);
  assert.is(patient.deadline, NEVER);
  assert.is(patient.judge(Number.MAX_SAFE_INTEGER), 'wait');
  patient.heard(500);
  assert.is(patient.judge(600), 'ping');
});

test.run();
