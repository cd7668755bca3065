// spec mirrors lib path for path: each file of lib that does something has its spec, and each spec has its file.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('package · mirror');

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

// Folders of spec that mirror nothing.
const ownFolders = ['support', 'bench', 'conformance', 'fuzz', 'soak', 'package', 'types', 'runtimes', 'examples'];

/** Specs of a topic, each with the file of lib whose behaviour it is. One named "header-topic" beside "header" needs no entry. */
const topics: Record<string, string> = {
  'endpoint/budget': 'endpoint/endpoint',
  'endpoint/closing-handshake': 'endpoint/endpoint',
  'endpoint/control-lane': 'endpoint/endpoint',
  'extension/user-extension': 'extension/extension',
  'connection/budget': 'connection/retained-budget',
  'connection/closing': 'connection/ending',
  'connection/closing-both-sides': 'connection/ending',
  'connection/closing-matrix': 'connection/ending',
  'connection/idle-and-stall': 'connection/watchdog',
  'connection/keepalive': 'connection/watchdog',
  'connection/rates': 'connection/intake',
  'connection/slow-consumers': 'connection/sender',
  'connection/slow-consumers-bounds': 'connection/sender',
  'connection/streamed-passing': 'connection/message-pump',
  'connection/streamed-receiving': 'connection/streamed-inbox',
  'connection/streamed-sending': 'connection/message-pump',
  'connection/streamed-sending-ends': 'connection/message-pump',
  'job/decide': 'job/web-socket-upgrade',
  'job/raw-session': 'job/session',
};

/** Files that do something and have no spec of their own, each with the reason. */
const exceptions: Record<string, string> = {
  'adapter/deno-byte-streams': 'two streams over a transport: spec/runtimes/deno/transport, and deno-connect',
  'adapter/deno-reconnect': 'node-reconnect over another connect: deno-connect, and spec/runtimes/deno/connect',
  'adapter/reconnect-over': 'what all runtimes have in common: spec/adapter/node-reconnect',
  'adapter/bun-connect': 'node-connect over bun-dial: bun-api, and spec/runtimes/bun/connect',
  'adapter/bun-reconnect': 'node-reconnect over another connect: spec/runtimes/bun/connect',
  'adapter/bun-serve': 'listening-server over bun-listen: bun-api, and spec/runtimes/bun/serve',
  'adapter/node-site': 'the sockets of serve and attach: spec/adapter/node-server and node-attach',
  'adapter/fetch-request': 'the requests of spec/adapter/http-connection',
  'adapter/handshakes': 'the bounds of spec/adapter/deno-handshakes and bun-listen',
  'adapter/http-exchange': 'between request and response: spec/adapter/http-connection, -bodies, -responses',
  'adapter/http-output': 'the writes of spec/adapter/http-connection-responses and -times',
  'adapter/http-responder': 'spec/adapter/http-connection-responses',
  'adapter/open-tunnel': 'the first steps of spec/adapter/node-proxy, node-proxy-socks and deno-proxy',
  'adapter/request-body': 'spec/adapter/http-connection-bodies',
  'adapter/site-server':
    'what serve and a ListeningServer have in common: spec/adapter/node-server and listening-server-battery',
  'handshake/http-body-decoder':
    'spec/handshake/http-body, and spec/adapter/http-connection-bodies for those of requests',
  'adapter/site': 'what serve and attach have in common: spec/adapter/node-server and node-attach',
  'client/stream-class': 'the face of client/web-socket-stream: spec/adapter/node-web-socket-stream',
  'bytes/mask-module': 'bytes made from mask.wat: spec/bytes/mask-simd',
  'bytes/utf8-module': 'bytes made from utf8.wat: spec/bytes/utf8-simd',
  'job/refusal': 'spec/job/decide shows it where it is used',
  'stream/shared-reader': 'the messages of spec/connection/inbox and spec/reconnect/reconnect-inbox, by a stream',
  'stream/transform-pair': 'the base of the four transforms, each with its spec',
  'stream/transport': 'the claim of a pair is shown by spec/stream/byte-streams',
};

/** The paths of the files below a folder, without their ending. */
function list(folder: string, ending: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending) && !entry.name.endsWith('.d.ts'))
    .map((entry) => relative(join(root, folder), join(entry.parentPath, entry.name)).split(sep).join('/'))
    .map((path) => path.slice(0, -ending.length))
    .sort();
}

/** Whether a source has a function or a class: types, constants and re-exports do nothing. */
function hasBehaviour(text: string): boolean {
  let found = false;
  const visit = (node: ts.Node): void => {
    found ||= ts.isClassLike(node) || (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined);
    if (!found) ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('file.ts', text, ts.ScriptTarget.Latest));
  return found;
}

/** The file of lib that a spec is about: its own path, a topic's, or that path with a topic behind it. */
function fileOf(spec: string, files: readonly string[]): string | undefined {
  const candidates = files.filter((file) => spec === file || spec.startsWith(`${file}-`));
  return topics[spec] ?? candidates.sort((left, right) => right.length - left.length)[0];
}

const files = list('lib', '.ts');
const specs = list('spec', '.spec.ts').filter((spec) => !ownFolders.includes(spec.split('/')[0] as string));

test('every spec is about a file of lib', () => {
  assert.ok(specs.length > 10);
  assert.equal(
    specs.filter((spec) => !files.includes(fileOf(spec, files) ?? '')),
    [],
  );
});

test('every file of lib that does something has its spec', () => {
  const covered = new Set(specs.map((spec) => fileOf(spec, files)));
  const behaving = files.filter((file) => hasBehaviour(readFileSync(join(root, 'lib', `${file}.ts`), 'utf8')));
  assert.ok(behaving.length > 15);
  assert.equal(
    behaving.filter((file) => !covered.has(file) && !(file in exceptions)),
    [],
  );
});

test('the topics and the exceptions are no older than the files', () => {
  for (const [spec, file] of Object.entries(topics)) assert.ok(specs.includes(spec) && files.includes(file), spec);
  for (const file of Object.keys(exceptions)) assert.ok(files.includes(file) && !specs.includes(file), file);
});

test('every spec runs its suites', () => {
  for (const spec of list('spec', '.spec.ts')) {
    const text = readFileSync(join(root, 'spec', `${spec}.spec.ts`), 'utf8');
    const made = text.match(/= suite[<(]/g)?.length ?? 0;
    const run = text.match(/\.run\(\);/g)?.length ?? 0;
    assert.ok(made > 0 && made <= run, `${spec} makes ${made} suites and runs ${run}`);
  }
});

test('the mirror tells types, constants and re-exports from what does something', () => {
  const nothing = [
    'export interface A { run(): void }',
    'export type A = (a: number) => void;',
    'export const a = 1; export const b = { c: [2] } as const;',
    "export { a } from './a.ts'; export type { B } from './b.ts';",
    'declare function a(): void;',
  ];
  const something = [
    'export function a(): void {}',
    'export const a = (): number => 1;',
    'export class A {}',
    'const a = { b() {} };',
  ];
  assert.equal(nothing.filter(hasBehaviour), []);
  assert.equal(
    something.filter((text) => !hasBehaviour(text)),
    [],
  );
});

test('the mirror tells the spec of a topic from the spec of another file', () => {
  const some = ['frame/frame', 'frame/frame-decoder', 'endpoint/endpoint'];
  assert.is(fileOf('frame/frame-decoder', some), 'frame/frame-decoder');
  assert.is(fileOf('frame/frame-decoder-lengths', some), 'frame/frame-decoder');
  assert.is(fileOf('endpoint/budget', some), 'endpoint/endpoint');
  assert.is(fileOf('frame/other', some), undefined);
  assert.is(fileOf('message/frame-decoder', some), undefined);
});

test.run();
