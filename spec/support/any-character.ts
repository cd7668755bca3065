// Characters for the properties. fast-check has an alphabet of its own, `unit: 'binary'`, but takes a second to make it, in each process.

import fc from 'fast-check';

const upTo = (least: number, most: number): fc.Arbitrary<string> =>
  fc.integer({ min: least, max: most }).map((code) => String.fromCodePoint(code));

/** Any character of Unicode, of one to four bytes of UTF-8: `fc.string({ unit: anyCharacter })`. Surrogates are none. */
export const anyCharacter: fc.Arbitrary<string> = fc.oneof(
  upTo(0, 0x7f),
  upTo(0x80, 0x7ff),
  fc.oneof({ weight: 5, arbitrary: upTo(0x800, 0xd7ff) }, { weight: 1, arbitrary: upTo(0xe000, 0xffff) }),
  upTo(0x1_0000, 0x10_ffff),
);
