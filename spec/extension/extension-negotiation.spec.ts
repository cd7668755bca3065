// Which of the installed extensions a connection has: RFC 6455 §9.1 and §4, in both roles. What is written is text, and is read again here.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Extension, ExtensionParameters, ReceivedParameters } from '../../lib/extension/extension.ts';
import { isToken, parseExtensions } from '../../lib/extension/extension-header.ts';
import {
  type AgreedExtension,
  acceptExtensions,
  checkExtensions,
  confirmExtensions,
  formatExtensions,
  offerExtensions,
} from '../../lib/extension/extension-negotiation.ts';
import { throws } from '../support/check.ts';

interface Asked {
  readonly method: 'accept' | 'confirm';
  readonly parameters: readonly (readonly [string, readonly (string | true)[]])[];
}

interface Recipe {
  readonly rsvBits?: number;
  readonly offers?: readonly ExtensionParameters[];
  /** What is accepted, by the offer. */
  readonly accepts?: (offer: ReceivedParameters) => ExtensionParameters | undefined;
  readonly confirms?: (answer: ReceivedParameters) => boolean;
}

/** An extension that notes what it was asked. */
function make(name: string, recipe: Recipe = {}): Extension & { readonly asked: Asked[] } {
  const asked: Asked[] = [];
  const note = (method: Asked['method'], received: ReceivedParameters): void =>
    void asked.push({ method, parameters: [...received] });
  const { offers = [{}], accepts = () => ({}), confirms = () => true } = recipe;
  const open = () => ({});
  return {
    name,
    ...(recipe.rsvBits === undefined ? undefined : { rsvBits: recipe.rsvBits }),
    asked,
    offer: () => offers,
    accept: (offer) => {
      note('accept', offer);
      const parameters = accepts(offer);
      return parameters && { parameters, open };
    },
    confirm: (answer) => {
      note('confirm', answer);
      return confirms(answer) ? open : undefined;
    },
  };
}

function accept(installed: readonly Extension[], ...values: readonly string[]): AgreedExtension[] {
  const offers = parseExtensions(values);
  assert.ok(offers, `${values.join()} is no list of extensions`);
  return acceptExtensions(installed, offers as NonNullable<typeof offers>);
}

// --- Installing ----------------------------------------------------------------------------------------------------

const installing = suite('extension-negotiation · installing');

installing('extensions that share no name and no RSV bit are installed together, in their order', () => {
  const all = [make('a', { rsvBits: 0x40 }), make('b', { rsvBits: 0x30 }), make('c'), make('d', { rsvBits: 0 })];
  const checked = checkExtensions(all);
  assert.equal(
    checked.map(({ name }) => name),
    ['a', 'b', 'c', 'd'],
  );
  assert.is.not(checked, all, 'what happens to the array later changes nothing');
  assert.equal(checkExtensions([]), []);
});

installing('two that want the same RSV bit are refused, also where they share one of several (RFC 6455 §9.1)', () => {
  for (const [one, other] of [
    [0x40, 0x40],
    [0x20, 0x20],
    [0x10, 0x10],
    [0x60, 0x20],
    [0x10, 0x70],
  ] as const) {
    const both = [make('x-one', { rsvBits: one }), make('x-between'), make('x-other', { rsvBits: other })];
    throws(() => checkExtensions(both), TypeError, /"x-other": another extension owns its RSV bit/);
  }
});

installing('two of the same name are refused; names are compared exactly', () => {
  throws(() => checkExtensions([make('x-a'), make('x-b'), make('x-a')]), TypeError, /"x-a" twice/);
  assert.is(checkExtensions([make('x-a'), make('X-A')]).length, 2);
});

installing('a name that is no token is refused (RFC 6455 §9.1)', () => {
  for (const name of ['', ' ', 'x a', 'x,', 'x;a', '"x"', 'ü', 'x\n', 'x=1', 'x/y']) {
    throws(() => checkExtensions([make(name)]), TypeError, /no token/);
  }
  for (const name of [undefined, null, 7, {}, Symbol('x')]) {
    throws(() => checkExtensions([{ ...make('x'), name } as unknown as Extension]), TypeError, /no token/);
  }
  assert.is(checkExtensions([make("!#$%&'*+-.^_`|~09azAZ")]).length, 1);
});

installing('what has not all three methods is refused, each by its name', () => {
  for (const method of ['offer', 'accept', 'confirm']) {
    for (const wrong of [undefined, null, {}, 'method', true]) {
      const extension = { ...make('x-a'), [method]: wrong } as unknown as Extension;
      throws(() => checkExtensions([extension]), TypeError, new RegExp(`"x-a": it has no ${method}\\(\\)`));
    }
  }
});

installing('what is no extension at all is a TypeError', () => {
  for (const wrong of [undefined, null, 0, 'permessage-deflate', {}, () => {}, []]) {
    throws(() => checkExtensions([wrong as unknown as Extension]), TypeError);
  }
  for (const wrong of [null, {}, 'x', make('x'), new Set([make('x')])]) {
    throws(() => checkExtensions(wrong as unknown as Extension[]), TypeError, /no array/);
  }
});

installing('bits that are no RSV bits are a RangeError', () => {
  for (const rsvBits of [0x80, 0x0f, 1, 8, 0xff, 0x48, -1, 0x100, 0x170]) {
    throws(() => checkExtensions([make('x-a', { rsvBits })]), RangeError, /"x-a".* is no RSV bits/);
  }
  for (const rsvBits of [0, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70]) {
    assert.is(checkExtensions([make('x-a', { rsvBits })]).length, 1);
  }
});

installing('methods of a class serve as well as those of an object', () => {
  class Own implements Extension {
    readonly name = 'x-own';
    readonly #offers = [{ level: 3 }];
    offer() {
      return this.#offers;
    }
    accept() {
      return { parameters: this.#offers[0] as ExtensionParameters, open: () => ({}) };
    }
    confirm() {
      return () => ({ restAfter: this.#offers.length });
    }
  }
  const installed = checkExtensions([new Own()]);
  assert.is(offerExtensions(installed), 'x-own; level=3');
  assert.is(formatExtensions(accept(installed, 'x-own')), 'x-own; level=3');
  assert.is(confirmExtensions(installed, ['x-own'])?.[0]?.open().restAfter, 1);
});
installing.run();

// --- A server ------------------------------------------------------------------------------------------------------

const server = suite('extension-negotiation · a server accepts');

server('nothing is agreed on where nothing is offered, nothing installed, or the names differ', () => {
  assert.equal(acceptExtensions([make('x-a')], new Map()), []);
  assert.equal(accept([], 'x-a, x-b'), []);
  const installed = [make('x-a')];
  assert.equal(accept(installed, 'X-A, x-a2, x', 'x-A'), []);
  assert.equal(installed[0]?.asked, []);
});

server('the order is that in which they are installed, whatever the order of the offers (RFC 6455 §9.1)', () => {
  const installed = [make('x-a'), make('x-b'), make('x-c')];
  for (const offers of ['x-a, x-b, x-c', 'x-c, x-b, x-a', 'x-b, x-z, x-c, x-a']) {
    assert.is(formatExtensions(accept(installed, offers)), 'x-a, x-b, x-c');
  }
  assert.is(formatExtensions(accept(installed, 'x-c', 'x-a')), 'x-a, x-c', 'offers in several fields are one list');
});

server('of several offers of one name the first that is accepted counts, and no more are asked (RFC 7692 §5)', () => {
  const level = (offer: ReceivedParameters): ExtensionParameters | undefined =>
    offer.has('level') ? { level: Number(offer.get('level')?.[0]) } : undefined;
  const extension = make('x-a', { accepts: (offer) => level(offer) });
  const agreed = accept([extension], 'x-a; fast, x-a; level=7', 'x-a; level=2, x-a');
  assert.is(formatExtensions(agreed), 'x-a; level=7');
  assert.equal(
    extension.asked.map(({ parameters }) => parameters),
    [[['fast', [true]]], [['level', ['7']]]],
  );
});

server('an extension that declines every offer is left out, and keeps no other out', () => {
  const declining = make('x-b', { accepts: () => undefined });
  const agreed = accept([make('x-a'), declining, make('x-c')], 'x-b; one, x-c, x-b; two, x-a');
  assert.is(formatExtensions(agreed), 'x-a, x-c');
  assert.is(declining.asked.length, 2);
});

server('values come unquoted and unescaped, repeated ones in their order, and names of no special meaning', () => {
  const extension = make('x-a');
  accept([extension], 'x-a; a="b"; a=c; a; __proto__; constructor="t\\oken"');
  assert.equal(extension.asked, [
    {
      method: 'accept',
      parameters: [
        ['a', ['b', 'c', true]],
        ['__proto__', [true]],
        ['constructor', ['token']],
      ],
    },
  ]);
});

server('what an agreement tells is the name, the RSV bits and the text of its element', () => {
  const installed = [make('x-a', { rsvBits: 0x50, accepts: () => ({ level: 12, fast: true, mode: 'Low' }) })];
  const [agreed] = accept(installed, 'x-a');
  assert.equal([agreed?.name, agreed?.rsvBits, agreed?.text], ['x-a', 0x50, 'x-a; level=12; fast; mode=Low']);
  assert.is(accept([make('x-b')], 'x-b')[0]?.rsvBits, 0, 'without any, 0');
});

server('nothing is opened before a connection is upgraded', () => {
  const opens: string[] = [];
  const open = () => {
    opens.push('open');
    return {};
  };
  const extension: Extension = { ...make('x-a'), accept: () => ({ parameters: {}, open }), confirm: () => open };
  accept([extension], 'x-a');
  confirmExtensions([extension], ['x-a']);
  assert.equal(opens, []);
});

server('an answer that cannot be written is a TypeError, and nothing of it is written', () => {
  const wrong: ExtensionParameters[] = [
    { 'a b': 1 },
    { '': true },
    { a: '' },
    { a: 'b c' },
    { a: 'x,y' },
    { a: '"quoted"' },
    { a: 'b\r\nX-Evil: 1' },
    { ü: true },
  ];
  for (const parameters of wrong) {
    throws(() => accept([make('x-a', { accepts: () => parameters })], 'x-a'), TypeError, /not a token/);
    throws(() => offerExtensions([make('x-a', { offers: [parameters] })]), TypeError, /not a token/);
  }
});

server('what an extension throws while it is asked is thrown', () => {
  const accepts = (): never => {
    throw new RangeError('mine');
  };
  throws(() => accept([make('x-a', { accepts })], 'x-a'), RangeError, /mine/);
});
server.run();

// --- A client ------------------------------------------------------------------------------------------------------

const client = suite('extension-negotiation · a client offers and confirms');

client('each offer is an element of its own, in the order of preference, and the list is one of tokens', () => {
  const installed = [
    make('x-a', { offers: [{ level: 9, fast: true }, { level: 1 }, {}] }),
    make('x-none', { offers: [] }),
    make('x-b', { offers: [{ mode: 'Low' }] }),
  ];
  const text = offerExtensions(installed);
  assert.is(text, 'x-a; level=9; fast, x-a; level=1, x-a, x-b; mode=Low');
  const written = parseExtensions([text]);
  assert.equal(
    [...(written ?? [])].map(([name, offers]) => [name, offers.length]),
    [
      ['x-a', 3],
      ['x-b', 1],
    ],
  );
  for (const word of text.split(/[;,=]/)) assert.ok(isToken(word.trim()), `${word} is a token, and in no quotes`);
});

client('with nothing to offer there is no field', () => {
  assert.is(offerExtensions([]), '');
  assert.is(offerExtensions([make('x-a', { offers: [] })]), '');
});

client('a response without the field agrees on nothing', () => {
  const installed = [make('x-a')];
  assert.equal(confirmExtensions(installed, []), []);
  assert.equal(installed[0]?.asked, []);
});

client('the order is that of the response (RFC 6455 §9.1)', () => {
  const installed = [make('x-a', { rsvBits: 0x40 }), make('x-b'), make('x-c')];
  const confirm = (...values: string[]): string | undefined => {
    const agreed = confirmExtensions(installed, values);
    return agreed && formatExtensions(agreed);
  };
  assert.is(confirm('x-c, x-a; level="1"'), 'x-c, x-a; level=1');
  assert.is(confirm('x-b', 'x-a, x-c'), 'x-b, x-a, x-c', 'in several fields it is one list');
  assert.equal(
    confirmExtensions(installed, ['x-b, x-a'])?.map(({ name, rsvBits }) => [name, rsvBits]),
    [
      ['x-b', 0],
      ['x-a', 0x40],
    ],
  );
});

client('an extension that was not offered fails the handshake (RFC 6455 §4.1)', () => {
  for (const value of ['x-z', 'x-a, x-z', 'x-z, x-a', 'X-A', 'permessage-deflate', '__proto__', 'constructor']) {
    assert.is(confirmExtensions([make('x-a')], [value]), undefined, value);
  }
});

client('an extension that is accepted twice fails the handshake', () => {
  for (const values of [['x-a, x-a'], ['x-a', 'x-a'], ['x-a; level=1, x-b, x-a; level=2']]) {
    assert.is(confirmExtensions([make('x-a'), make('x-b')], values), undefined, values.join(' | '));
  }
});

client('one that is not confirmed fails the handshake, whatever else was agreed on', () => {
  const refusing = make('x-b', { confirms: (answer) => !answer.has('level') });
  assert.is(confirmExtensions([make('x-a'), refusing], ['x-a, x-b; level=1']), undefined);
  assert.is(confirmExtensions([make('x-a'), refusing], ['x-a, x-b; other'])?.length, 2);
});

client('a malformed response fails the handshake, and no extension is asked', () => {
  const installed = [make('x-a')];
  const malformed = ['', ' ', ',', 'x-a;', 'x-a; =1', 'x-a; a=', 'x-a; a="', 'x-a; a="b c"', 'x-a a', 'x-a; a=""', 'ü'];
  for (const value of malformed) {
    assert.is(confirmExtensions(installed, [value]), undefined, JSON.stringify(value));
    assert.is(confirmExtensions(installed, ['x-a', value === '' ? ';' : `x-a, ${value};`]), undefined);
  }
  assert.equal(installed[0]?.asked, []);
});

client('what a response says in quotes is confirmed unquoted, and noted as a token list', () => {
  const extension = make('x-a');
  const agreed = confirmExtensions([extension], ['x-a;level="12" ; fast ;mode=\t"Lo\\w"']);
  assert.equal(extension.asked, [
    {
      method: 'confirm',
      parameters: [
        ['level', ['12']],
        ['fast', [true]],
        ['mode', ['Low']],
      ],
    },
  ]);
  assert.is(agreed?.[0]?.text, 'x-a; level=12; fast; mode=Low');
});

client('what one side writes the other agrees on, in the same words', () => {
  const parameters = { level: 7, fast: true, mode: 'x' } as const;
  const make2 = (): Extension[] => [
    make('x-a', { offers: [parameters], accepts: () => parameters }),
    make('x-b', { offers: [{}, { a: 1 }], accepts: (offer) => (offer.has('a') ? { b: '2' } : undefined) }),
  ];
  const agreed = accept(make2(), offerExtensions(make2()));
  const text = formatExtensions(agreed);
  assert.is(text, 'x-a; level=7; fast; mode=x, x-b; b=2');
  const confirmed = confirmExtensions(make2(), [text]);
  assert.is(confirmed && formatExtensions(confirmed), text);
});
client.run();
