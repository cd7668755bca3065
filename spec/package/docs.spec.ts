// What is said about the exports: every name and every member of one has a comment, what is used directly has an example, and the examples compile.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { described } from '../support/entries.ts';
import { exampleErrors } from '../support/examples.ts';
import { type PublicItem, publicItems } from '../support/public-api.ts';

const test = suite('package · docs');

/** Functions and classes without an example, each with the reason. */
const withoutExample: Record<string, string> = {
  ConnectionError: 'MillraceError shows what is done with errors',
  ExtensionError: 'MillraceError shows what is done with errors',
  HandshakeError: 'MillraceError shows what is done with errors',
  LimitError: 'MillraceError shows what is done with errors',
  LocalProtocolError: 'MillraceError shows what is done with errors',
  RemoteProtocolError: 'MillraceError shows what is done with errors',
};

/** Whether the item has to say what it is: the `name` of an error is that of its class. */
const hasToSay = ({ name, kind }: PublicItem): boolean => !(kind === 'member' && name.endsWith('Error.name'));

const tell = ({ place, name }: PublicItem): string => `${place} ${name}`;
const items = publicItems(described.map(({ source }) => source));

test('every export of every entry has a comment, and every member of one', () => {
  assert.ok(items.length > 500, `${items.length} items`);
  assert.equal(items.filter((item) => item.text === '' && hasToSay(item)).map(tell), []);
});

test('no comment says only what its name says', () => {
  const words = (text: string): string => text.toLowerCase().replace(/\b(the|an?)\b|[^a-z]/g, '');
  const says = ({ name, text }: PublicItem): boolean => words(text) !== words(name.split('.').at(-1) ?? '');
  assert.equal(items.filter((item) => item.text !== '' && !says(item)).map(tell), []);
});

test('every function and class has an example, but for those that another one shows', () => {
  const used = items.filter(({ kind }) => kind === 'function' || kind === 'class');
  assert.ok(used.length > 40);
  assert.equal(used.filter(({ name, examples }) => examples.length === 0 && !(name in withoutExample)).map(tell), []);
  for (const name of Object.keys(withoutExample)) {
    const item = used.find((one) => one.name === name);
    assert.is(item?.examples.length, 0, `${name} is there, and has no example`);
  }
});

test('every example compiles', () => {
  const examples = items.flatMap(({ examples: codes, ...item }) =>
    codes.map((code) => ({ name: tell(item as PublicItem), code })),
  );
  assert.ok(examples.length > 45, `${examples.length} examples`);
  assert.equal(exampleErrors(examples), []);
});

// --- The checks themselves -----------------------------------------------------------------------------------------

test('an example that does not compile, or that takes for granted what nobody has, is found', () => {
  const codes = [
    "const session = await connect('ws://x'); await session.send('hello');",
    'const session = await connect(1);',
    'const a = noSuchThing();',
    'const a = ;',
  ];
  const errors = exampleErrors(codes.map((code, index) => ({ name: `${index}`, code })));
  assert.is(errors.length, 3);
  assert.match(errors[0] ?? '', /^1: .*not assignable/);
  assert.match(errors[1] ?? '', /^2: .*noSuchThing/);
  assert.match(errors[2] ?? '', /^3: .*[Ee]xpression/);
});

test('what has no comment is found: an export, a member, a member of an alternative; what is private is not', () => {
  const file = 'spec/package/undocumented.fixture.ts';
  const bare = publicItems([file]).filter(({ text }) => text === '');
  assert.equal(bare.map(({ name }) => name).sort(), [
    'Bare',
    'Bare.member',
    'Either.bare',
    'Said.bare',
    'Said.make',
    'bare',
  ]);
});
test.run();
