// What a file of JavaScript uses that Node 20 does not have: the compiler takes syntax down, but no method of a class of the language.

import ts from 'typescript';

/** Static members that came after Node 20.0, by what they belong to. (`AbortSignal.any` came in 20.3, which `engines` would have to say.) */
const statics: Readonly<Record<string, readonly string[]>> = {
  AbortSignal: ['any'],
  Array: ['fromAsync'],
  Atomics: ['pause', 'waitAsync'],
  Error: ['isError'],
  Iterator: ['from', 'concat', 'zip'],
  JSON: ['rawJSON', 'isRawJSON'],
  Map: ['groupBy'],
  Math: ['f16round', 'sumPrecise'],
  Object: ['groupBy'],
  Promise: ['withResolvers', 'try'],
  RegExp: ['escape'],
  URL: ['parse'],
  Uint8Array: ['fromBase64', 'fromHex'],
  process: ['getBuiltinModule'],
};

/** Methods that nothing else has: whatever they are called on, Node 20 lacks them. */
const methods: ReadonlySet<string> = new Set([
  'difference',
  'getOrInsert',
  'getOrInsertComputed',
  'intersection',
  'isDisjointFrom',
  'isSubsetOf',
  'isSupersetOf',
  'setFromBase64',
  'setFromHex',
  'symmetricDifference',
  'toBase64',
  'toHex',
  'transferToFixedLength',
  'union',
]);

/** Methods of iterators, told by what they are called on. */
const helpers: ReadonlySet<string> = new Set([
  'drop',
  'every',
  'filter',
  'find',
  'flatMap',
  'forEach',
  'map',
  'reduce',
  'some',
  'take',
  'toArray',
]);
const iterators: ReadonlySet<string> = new Set(['values', 'keys', 'entries', ...helpers]);

/** Globals. */
const globals: ReadonlySet<string> = new Set([
  'CloseEvent',
  'DisposableStack',
  'AsyncDisposableStack',
  'EventSource',
  'Float16Array',
  'Iterator',
  'localStorage',
  'navigator',
  'sessionStorage',
  'SuppressedError',
  'URLPattern',
  'WebSocket',
  'WebSocketStream',
]);

/** What a source uses of them: "Promise.withResolvers", ".union()", "navigator". What is asked for before it is used (`typeof WebSocket`) counts too: list it where it is meant. */
export function newerThan(file: ts.SourceFile): string[] {
  const found: string[] = [];
  const own = declaredNames(file);
  const visit = (node: ts.Node): void => {
    if (ts.isPropertyAccessExpression(node)) found.push(...ofAccess(node));
    else if (ts.isIdentifier(node) && globals.has(node.text) && !own.has(node.text) && standsForItself(node))
      found.push(node.text);
    else if (ts.isVariableDeclarationList(node) && (node.flags & ts.NodeFlags.Using) === ts.NodeFlags.Using)
      found.push('using');
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

/** What the file declares or imports itself, wherever that is. */
function declaredNames(file: ts.SourceFile): ReadonlySet<string> {
  const names = new Set<string>();
  const visit = (node: ts.Node): void => {
    const isDeclared =
      ts.isClassLike(node) || ts.isFunctionLike(node) || ts.isVariableDeclaration(node) || ts.isImportSpecifier(node);
    if (isDeclared && node.name !== undefined && ts.isIdentifier(node.name)) names.add(node.name.text);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return names;
}

function ofAccess({ expression, name, parent }: ts.PropertyAccessExpression): string[] {
  const isCalled = ts.isCallExpression(parent) && parent.expression.getText().endsWith(`.${name.text}`);
  if (ts.isIdentifier(expression)) {
    if (statics[expression.text]?.includes(name.text)) return [`${expression.text}.${name.text}`];
    if (expression.text === 'globalThis' && globals.has(name.text)) return [name.text];
  }
  if (isCalled && methods.has(name.text)) return [`.${name.text}()`];
  const isOfIterator =
    ts.isCallExpression(expression) &&
    ts.isPropertyAccessExpression(expression.expression) &&
    iterators.has(expression.expression.name.text) &&
    expression.arguments.length === 0;
  return isCalled && isOfIterator && helpers.has(name.text)
    ? [`.${expression.expression.getText()}().${name.text}()`]
    : [];
}

/** Neither the name of a member nor of something that the file declares. */
function standsForItself(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  return (
    !('name' in parent && parent.name === node) &&
    !ts.isImportOrExportSpecifier(parent) &&
    !ts.isPropertyAssignment(parent)
  );
}
