import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MASK_MODULE } from '../../lib/bytes/mask-module.ts';
import { instantiate, moduleOf } from '../../lib/bytes/web-assembly.ts';

const test = suite('modules of WebAssembly');

test('hexadecimal is read octet by octet', () => {
  assert.equal([...moduleOf('0061736d00ff')], [0, 0x61, 0x73, 0x6d, 0, 0xff]);
  assert.is(moduleOf('').byteLength, 0);
});

test('gives what a module exports, and memory of its own each time', () => {
  const [one, other] = [instantiate(MASK_MODULE), instantiate(MASK_MODULE)];
  assert.equal(Object.keys(one ?? {}).sort(), ['mask', 'memory']);
  assert.is.not(one?.['memory'], other?.['memory']);
});

test('gives nothing where it cannot be compiled', () => {
  // Neither a module at all, nor one that this runtime knows: version 2.
  for (const hex of ['', '00', '0061736d02000000']) assert.is(instantiate(hex), undefined, hex);
});

test.run();
