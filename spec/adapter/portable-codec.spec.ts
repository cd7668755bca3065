import { suite } from 'uvu';
import { createPortableCodec } from '../../lib/adapter/portable-codec.ts';
import { createZlibCodec } from '../../lib/adapter/zlib-codec.ts';
import type { DeflateCodec } from '../../lib/extension/deflate-codec.ts';
import { addBattery } from '../support/codec-battery.ts';

const test = suite('adapter · portable-codec');

const zlibCodec = createZlibCodec() as DeflateCodec;
const portableCodec = createPortableCodec();
addBattery(test, portableCodec, zlibCodec);
test.run();
