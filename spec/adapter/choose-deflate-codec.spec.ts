import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { through, usual } from '../support/codec-steps.ts';
import { watched } from '../support/count-zlib.ts';
import { toHex } from '../support/hex.ts';

const test = suite('adapter · choose-deflate-codec');

// Behind what counts.
const { chooseDeflateCodec } = await import('../../lib/adapter/choose-deflate-codec.ts');

test("the runtime's own zlib is tried when a codec is first asked for, and never again", () => {
  assert.is(watched.made, 0);
  const codec = chooseDeflateCodec();
  const { made } = watched;
  assert.is(made, 2);
  for (let round = 0; round < 3; round++) assert.is(chooseDeflateCodec(), codec);
  assert.is(watched.made, made);
});

test("its streams are the runtime's own", () => {
  const { made } = watched;
  const deflater = chooseDeflateCodec().createDeflater(usual);
  assert.is(watched.made, made + 1);
  assert.is(toHex(through(deflater, new TextEncoder().encode('Hello'))), 'f2 48 cd c9 c9 07 00 00 00 ff ff');
  deflater.close();
});

test.run();
