// A process of its own: the choice is made once.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { chooseDeflateCodec } from '../../lib/adapter/choose-deflate-codec.ts';
import { through, usual } from '../support/codec-steps.ts';
import { watched } from '../support/count-zlib.ts';

const test = suite('adapter · choose-deflate-codec · portable');

test("where the runtime's zlib cannot be called in place the portable codec is chosen, for good", () => {
  watched.isBroken = true;
  const codec = chooseDeflateCodec();
  const { made } = watched;
  const deflater = codec.createDeflater(usual);
  const inflater = codec.createInflater({ windowBits: 15 });
  const message = new TextEncoder().encode('Hello');
  assert.equal(through(inflater, through(deflater, message)), message);
  deflater.close();
  inflater.close();
  watched.isBroken = false;
  assert.is(chooseDeflateCodec(), codec);
  assert.ok(made > 0);
  assert.is(watched.made, made);
});

test.run();
