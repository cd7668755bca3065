// `npm run api`: writes the reports of the public API anew, from what was built.

import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeReports, reportFolder } from '../support/api-reports.ts';

mkdirSync(reportFolder, { recursive: true });
const reports = makeReports();
for (const { name, text, faults } of reports) {
  writeFileSync(join(reportFolder, name), text);
  for (const fault of faults) console.log(`${name}: ${fault}`);
}
for (const file of readdirSync(reportFolder)) {
  if (!reports.some(({ name }) => name === file)) rmSync(join(reportFolder, file));
}
