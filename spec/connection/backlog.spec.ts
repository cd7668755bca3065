import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Backlog, type BacklogEntry } from '../../lib/connection/backlog.ts';
import { Random, runs, seed } from '../support/random.ts';

function entry(message: string, options: Partial<BacklogEntry> = {}): BacklogEntry {
  return { message, weight: message.length, at: 0, maxAge: 1000, isDroppable: true, key: undefined, ...options };
}

function drain(backlog: Backlog): unknown[] {
  const messages: unknown[] = [];
  for (let first = backlog.shift(); first !== undefined; first = backlog.shift()) messages.push(first.message);
  return messages;
}

const test = suite('backlog');

test('gives what was pushed in its order, and counts it', () => {
  const backlog = new Backlog();
  assert.ok(backlog.isEmpty);
  for (const message of ['a', 'bb', 'ccc']) backlog.push(entry(message));
  assert.equal([backlog.count, backlog.weight, backlog.isEmpty, backlog.first?.message], [3, 6, false, 'a']);
  assert.equal(drain(backlog), ['a', 'bb', 'ccc']);
  assert.equal([backlog.count, backlog.weight, backlog.isEmpty, backlog.first], [0, 0, true, undefined]);
});

test('numbers the entries in their order, also when some have been taken', () => {
  const backlog = new Backlog();
  assert.is(backlog.firstId, Number.POSITIVE_INFINITY);
  for (const message of ['a', 'b', 'c']) backlog.push(entry(message));
  assert.equal([backlog.firstId, backlog.lastId], [1, 3]);
  backlog.removeOldest();
  backlog.push(entry('d'));
  assert.equal([backlog.firstId, backlog.lastId], [2, 4]);
});

test('the oldest that may be dropped is taken out of the middle', () => {
  const backlog = new Backlog();
  for (const message of ['a', 'b', 'c', 'd']) backlog.push(entry(message, { isDroppable: 'bd'.includes(message) }));
  assert.is(backlog.removeOldest()?.message, 'b');
  assert.is(backlog.removeOldest()?.message, 'd');
  assert.is(backlog.removeOldest(), undefined);
  assert.equal([backlog.count, backlog.weight], [2, 2]);
  assert.equal(drain(backlog), ['a', 'c']);
});

test('a key gives its latest entry, of whatever kind the key is, and only once', () => {
  const backlog = new Backlog();
  const object = {};
  backlog.push(entry('old', { key: object }));
  backlog.push(entry('other', { key: 'object' }));
  backlog.push(entry('new', { key: object }));
  assert.is(backlog.removeKey(object)?.message, 'new');
  assert.is(backlog.removeKey(object), undefined);
  assert.is(backlog.removeKey('nobody'), undefined);
  assert.equal(drain(backlog), ['old', 'other']);
  assert.is(backlog.removeKey('object'), undefined);
});

test('an entry that has left lets its key go, a later one with the same key keeps it', () => {
  const backlog = new Backlog();
  backlog.push(entry('first', { key: 1 }));
  backlog.push(entry('second', { key: 1 }));
  assert.is(backlog.shift()?.message, 'first');
  assert.is(backlog.removeKey(1)?.message, 'second');
  assert.ok(backlog.isEmpty);
});

test('entries without a key are not found by undefined', () => {
  const backlog = new Backlog();
  backlog.push(entry('a'));
  assert.is(backlog.removeKey(undefined), undefined);
});

test(`behaves as a plain list does, whatever is done to it (seed ${seed})`, () => {
  const random = new Random();
  for (let run = 0; run < runs(200); run++) {
    const backlog = new Backlog();
    let list: BacklogEntry[] = [];
    const remove = (found: BacklogEntry | undefined): unknown => {
      list = list.filter((each) => each !== found);
      return found;
    };
    for (let step = 0; step < 200; step++) {
      const key = random.below(5);
      const action = random.below(7);
      if (action === 0) assert.is(backlog.shift(), remove(list[0]));
      else if (action === 1) assert.is(backlog.removeOldest(), remove(list.find(({ isDroppable }) => isDroppable)));
      else if (action === 2) assert.is(backlog.removeKey(key), remove(list.findLast((each) => each.key === key)));
      else {
        // As the sender does: what has a key may be dropped, and replaces what had it.
        const isDroppable = random.below(2) === 0;
        if (isDroppable) remove(backlog.removeKey(key) as BacklogEntry);
        const next = entry(`${step}`, { isDroppable, key: isDroppable ? key : undefined });
        list.push(next);
        backlog.push(next);
      }
      assert.is(backlog.first, list[0]);
      assert.is(backlog.count, list.length);
      assert.is(
        backlog.weight,
        list.reduce((sum, { weight }) => sum + weight, 0),
      );
    }
    assert.equal(
      drain(backlog),
      list.map(({ message }) => message),
    );
  }
});

test('dropping costs as much behind many entries that may not be dropped', () => {
  const backlog = new Backlog();
  for (let count = 0; count < 200_000; count++) backlog.push(entry('', { isDroppable: false }));
  for (let count = 0; count < 200_000; count++) {
    backlog.push(entry('x'));
    if (count >= 10) assert.ok(backlog.removeOldest());
  }
  assert.is(backlog.weight, 10);
});
test.run();
