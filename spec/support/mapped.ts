// Where a position in a bundle comes from. The processes of the specs do without source maps, for reading them takes each a good part of the time that it
// takes to start: what one has printed when it fails is mapped here.

import { existsSync, readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** `file:///…/x.spec.js:12:34`, as a stack has it. */
const POSITION = /file:\/\/[^\s():]+\.js:\d+:\d+/g;

/** Gives the text with positions of files that have a map beside them as those of their sources, relative to a folder. */
export function mapped(text: string, root: string): string {
  const maps = new Map<string, SourceMap | undefined>();
  return text.replace(POSITION, (position) => {
    const [, url = '', line, column] = /^(.*):(\d+):(\d+)$/.exec(position) ?? [];
    const file = fileURLToPath(url);
    if (!maps.has(file)) maps.set(file, mapOf(file));
    const entry = maps.get(file)?.findEntry(Number(line) - 1, Number(column) - 1);
    if (entry === undefined || !('originalSource' in entry)) return position;
    const source = relative(root, resolve(dirname(file), entry.originalSource));
    return `${source}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
  });
}

function mapOf(file: string): SourceMap | undefined {
  return existsSync(`${file}.map`) ? new SourceMap(JSON.parse(readFileSync(`${file}.map`, 'utf8'))) : undefined;
}
