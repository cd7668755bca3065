// Counts are compared with those that are kept, and XML is read strictly: what judges must be right itself.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { compareCounts } from '../../bench/support/counts.js';
import { xmlFault } from '../../bench/support/xml.js';

const test = suite('bench · counts');

const counted = (writes: number, copied = 64) => ({ loop: { '64 B': { writes, copied } } });

test('counts that are the same say nothing', () => {
  assert.equal(compareCounts(counted(1), counted(1)), { grown: [], fallen: [], same: 2 });
});

test('a count that has grown is said with what it was', () => {
  const { grown, fallen, same } = compareCounts(counted(1), counted(2));
  assert.equal([grown, fallen, same], [['loop, 64 B: writes grew from 1 to 2'], [], 1]);
});

test('a count that has fallen is no fault', () => {
  const { grown, fallen, same } = compareCounts(counted(1), counted(1, 0));
  assert.equal([grown, fallen, same], [[], ['loop, 64 B: copied fell from 64 to 0'], 1]);
});

test('a count that only one side has is a fault: nobody compares it', () => {
  const more = { ...counted(1), pipe: { '64 B': { writes: 1 } } };
  assert.equal(compareCounts(counted(1), more).grown, ['pipe, 64 B: writes unknown, now 1']);
  assert.equal(compareCounts(more, counted(1)).grown, ['pipe, 64 B: writes 1, now unknown']);
});

test('what is well-formed has no fault', () => {
  const texts = [
    '<svg/>',
    '<svg>\n</svg>\n',
    '<svg a="1" xlink:b=""><text c="x &lt; y">a &amp; "b" &#38; &#x26;</text><g/></svg>',
  ];
  for (const text of texts) assert.is(xmlFault(text), undefined, text);
});

test('what is not well-formed has one', () => {
  const texts = [
    '',
    'text',
    '<svg>',
    '</svg>',
    '<svg/><svg/>',
    '<svg><g></svg></g>',
    '<svg>a & b</svg>',
    '<svg>a < b</svg>',
    '<svg a=1/>',
    '<svg a="1" a="2"/>',
    '<svg a="b "c" d"/>',
    '<svg a="<"/>',
    '<svg a="&x"/>',
    '<svg></svg a="1">',
    '<svg/>text',
  ];
  for (const text of texts) assert.type(xmlFault(text), 'string', text);
});

test.run();
