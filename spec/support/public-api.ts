// What users see of the entries, as the compiler sees it: each exported name with its members, and what is said about it.

import { dirname, join, relative } from 'node:path';
import ts from 'typescript';
import { root } from './entries.ts';

/** An exported name, or a member of one ("Session.send"). */
export interface PublicItem {
  readonly name: string;
  /** Where it is declared: "lib/job/session.ts:42". */
  readonly place: string;
  readonly kind: 'function' | 'class' | 'value' | 'type' | 'member';
  /** The text of its comment, its own or that of what it implements. */
  readonly text: string;
  /** The code of its `@example` tags. */
  readonly examples: readonly string[];
}

/** The repository's own compiler options. */
export function readOptions(): ts.CompilerOptions {
  const file = join(root, 'tsconfig.json');
  const { config } = ts.readConfigFile(file, ts.sys.readFile);
  return ts.parseJsonConfigFileContent(config, { ...ts.sys, readDirectory: () => [] }, dirname(file)).options;
}

/** Everything that these sources export. */
export function publicItems(sources: readonly string[], folder: string = root): PublicItem[] {
  const files = sources.map((source) => join(folder, source));
  const program = ts.createProgram(files, readOptions());
  const walker = new Walker(program.getTypeChecker());
  for (const file of files) walker.walk(program.getSourceFile(file) as ts.SourceFile);
  return [...walker.items.values()];
}

class Walker {
  readonly items = new Map<string, PublicItem>();
  readonly #checker: ts.TypeChecker;

  constructor(checker: ts.TypeChecker) {
    this.#checker = checker;
  }

  walk(file: ts.SourceFile): void {
    const module = this.#checker.getSymbolAtLocation(file);
    // A module without exports is there for what it does.
    if (module === undefined) return;
    for (const exported of this.#checker.getExportsOfModule(module)) {
      const isAlias = (exported.flags & ts.SymbolFlags.Alias) !== 0;
      this.#visit(isAlias ? this.#checker.getAliasedSymbol(exported) : exported);
    }
  }

  #visit(symbol: ts.Symbol): void {
    const [declaration] = symbol.declarations ?? [];
    if (declaration === undefined || declaration.getSourceFile().fileName.includes('node_modules')) return;
    this.#add(symbol.name, symbol, declaration, kindOf(symbol));
    for (const member of this.#membersOf(symbol)) {
      const [first] = member.declarations ?? [];
      if (first === undefined || !isPublic(member, first)) continue;
      this.#add(`${symbol.name}.${member.name}`, member, first, 'member');
    }
  }

  #membersOf(symbol: ts.Symbol): ts.Symbol[] {
    const own = [...(symbol.members?.values() ?? [])];
    const statics = symbol.flags & ts.SymbolFlags.Class ? [...(symbol.exports?.values() ?? [])] : [];
    const alias = symbol.declarations?.find(ts.isTypeAliasDeclaration);
    if (alias !== undefined) for (const part of partsOf(alias.type)) own.push(...literalMembers(part, this.#checker));
    return [...own, ...statics];
  }

  #add(name: string, symbol: ts.Symbol, declaration: ts.Declaration, kind: PublicItem['kind']): void {
    const source = declaration.getSourceFile();
    const { line } = source.getLineAndCharacterOfPosition(declaration.getStart());
    const place = `${relative(root, source.fileName).replaceAll('\\', '/')}:${line + 1}`;
    const tags = symbol.getJsDocTags(this.#checker).filter((tag) => tag.name === 'example');
    this.items.set(`${place} ${name}`, {
      name,
      place,
      kind,
      text: ts.displayPartsToString(symbol.getDocumentationComment(this.#checker)).trim(),
      examples: tags.map((tag) => codeOf(ts.displayPartsToString(tag.text))),
    });
  }
}

/** The literals that an alias is made of: `A & { … }`, `{ … } | { … }`. Of a union those whose alternative has no comment of its own: that tells of its members. */
function* partsOf(type: ts.TypeNode): Generator<ts.TypeLiteralNode> {
  if (ts.isTypeLiteralNode(type)) yield type;
  else if (ts.isParenthesizedTypeNode(type)) yield* partsOf(type.type);
  else if (ts.isIntersectionTypeNode(type)) for (const part of type.types) yield* partsOf(part);
  else if (ts.isUnionTypeNode(type)) for (const part of type.types) if (!hasComment(part)) yield* partsOf(part);
}

// The comment stands before the bar: `/** … */ | { … }`.
function hasComment(alternative: ts.TypeNode): boolean {
  const { types } = alternative.parent as ts.UnionTypeNode;
  const before = types[types.indexOf(alternative) - 1];
  const text = alternative.getSourceFile().text;
  return text.slice(before?.end ?? alternative.parent.getFullStart(), alternative.getStart()).includes('/**');
}

function literalMembers(type: ts.TypeLiteralNode, checker: ts.TypeChecker): ts.Symbol[] {
  return type.members.flatMap((member) => checker.getSymbolAtLocation(member.name ?? member) ?? []);
}

function kindOf(symbol: ts.Symbol): PublicItem['kind'] {
  if (symbol.flags & ts.SymbolFlags.Class) return 'class';
  if (symbol.flags & ts.SymbolFlags.Function) return 'function';
  return symbol.flags & ts.SymbolFlags.Value ? 'value' : 'type';
}

/** Neither private to its class, nor a type parameter, nor a constructor: the comment of a class tells how it is made. */
function isPublic(member: ts.Symbol, declaration: ts.Declaration): boolean {
  if (member.flags & (ts.SymbolFlags.TypeParameter | ts.SymbolFlags.Constructor | ts.SymbolFlags.Prototype))
    return false;
  if (ts.isPropertyDeclaration(declaration) || ts.isMethodDeclaration(declaration) || ts.isAccessor(declaration)) {
    if (ts.isPrivateIdentifier(declaration.name)) return false;
  }
  if (ts.getCombinedModifierFlags(declaration) & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected)) return false;
  return !ts.getJSDocTags(declaration).some((tag) => tag.tagName.text === 'internal');
}

function codeOf(text: string): string {
  return (/```ts\n([\s\S]*?)```/.exec(text)?.[1] ?? text).trim();
}
