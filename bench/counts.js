// Takes the counts anew that npm run short compares with: counts.json. Prints what has changed.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compareCounts, countNow } from './support/counts.js';

const kept = fileURLToPath(new URL('counts.json', import.meta.url));
const before = existsSync(kept) ? JSON.parse(readFileSync(kept, 'utf8')) : {};
const now = await countNow();
writeFileSync(kept, `${JSON.stringify(now, undefined, 2)}\n`);
const { grown, fallen, same } = compareCounts(before, now);
for (const line of [...grown, ...fallen]) console.log(line);
console.log(`${same} counts are the same`);
