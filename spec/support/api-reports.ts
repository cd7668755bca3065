// The public API of each entry as text, by API Extractor from the built declarations: what changes it changes the text.

import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Extractor, ExtractorConfig, ExtractorLogLevel, type ExtractorMessage } from '@microsoft/api-extractor';
import { described, root, type Target } from './entries.ts';
import { makeFolder } from './packed.ts';

/** Where the reports are. */
export const reportFolder: string = join(root, 'spec/package/api');

/** A report, as it is now, and what is wrong with what it is made of. */
export interface ApiReport {
  /** Such as "node.api.md". */
  readonly name: string;
  readonly text: string;
  readonly faults: readonly string[];
}

/** The entries that have a report. The main one of Node is the entry for Node, name by name (spec/package/exports). */
export const reported: readonly Target[] = described.filter(({ source }) => source !== 'lib/index.ts');

/** What the reports are to say. */
export function makeReports(): ApiReport[] {
  const folder = makeFolder();
  mkdirSync(join(folder, 'before'));
  return reported.map((target) => makeReport(target, folder));
}

/** What the reports say now; '' for one that is not there. */
export function readReport(name: string): string {
  const file = join(reportFolder, name);
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

function makeReport({ types, source }: Target, folder: string): ApiReport {
  const reportFileName = basename(source, '.ts');
  const config = ExtractorConfig.prepare({
    configObjectFullPath: undefined,
    packageJsonFullPath: join(root, 'package.json'),
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: join(root, types),
      newlineKind: 'lf',
      compiler: { tsconfigFilePath: join(root, 'tsconfig.json') },
      apiReport: { enabled: true, reportFileName, reportFolder: join(folder, 'before'), reportTempFolder: folder },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.Warning } },
        extractorMessageReporting: {
          default: { logLevel: ExtractorLogLevel.Warning },
          // Everything that an entry exports is public: there are no tags of releases.
          'ae-missing-release-tag': { logLevel: ExtractorLogLevel.None },
          // What has no comment is found by spec/package/docs, with its place in the sources.
          'ae-undocumented': { logLevel: ExtractorLogLevel.None },
          // Links to members that others inherit or that an alias has.
          'ae-unresolved-link': { logLevel: ExtractorLogLevel.None },
        },
        tsdocMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
      },
    },
  });
  const faults: string[] = [];
  const messageCallback = (message: ExtractorMessage): void => {
    message.handled = true;
    const { category, logLevel, text } = message;
    if (category !== 'console' && (logLevel === 'warning' || logLevel === 'error')) faults.push(text);
  };
  Extractor.invoke(config, { localBuild: true, messageCallback });
  return {
    name: `${reportFileName}.api.md`,
    text: readFileSync(join(folder, `${reportFileName}.api.md`), 'utf8'),
    faults,
  };
}
