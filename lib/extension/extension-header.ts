// The value of Sec-WebSocket-Extensions as text, in both directions: RFC 6455 §9.1. This file knows the grammar alone;
// what an extension or a parameter means is the business of the extension (RFC 7692 §5 has a repeated parameter
// declined, so repetitions are kept here, not judged).
//
// One pass over the text, each character looked at a bounded number of times, no regular expression: a peer chooses
// this text. Names become keys of a Map, never of an object: `constructor` and `__proto__` are tokens as well.

/** The value of a parameter: a token, or `true` for a parameter that stands without a value. */
export type ExtensionParameterValue = string | true;

/** One element of Sec-WebSocket-Extensions: an extension and its parameters (RFC 6455 §9.1). */
export interface ExtensionOffer {
  /** The extension token, as written: compared exactly. */
  readonly name: string;
  /** The values of each parameter in their order; a parameter that is repeated has several. */
  readonly parameters: ReadonlyMap<string, readonly ExtensionParameterValue[]>;
}

/**
 * Parses the values of all Sec-WebSocket-Extensions fields of a head as one list (RFC 6455 §11.3.2: it "MAY appear
 * multiple times in an HTTP request (which is logically the same as a single |Sec-WebSocket-Extensions| header field
 * that contains all values)").
 *
 * @param values One string for each field, in the order of the head; none gives an empty map.
 * @returns The offers of each extension name in the client's order of preference, or undefined when the text does not
 * conform to the grammar. A field without any element is malformed: the list is `1#extension`.
 */
export function parseExtensions(values: readonly string[]): Map<string, ExtensionOffer[]> | undefined {
  const offers = new Map<string, ExtensionOffer[]>();
  for (const value of values) {
    if (!parseList(new Scanner(value), offers)) return undefined;
  }
  return values.length > 0 && offers.size === 0 ? undefined : offers;
}

/**
 * Writes offers (or what a server agreed to) as the value of one Sec-WebSocket-Extensions field.
 *
 * @throws TypeError when a name or a value is not a token: the grammar has no other way to write it.
 */
export function serializeExtensions(offers: Iterable<ExtensionOffer>): string {
  return Array.from(offers, serializeOffer).join(', ');
}

/**
 * Whether `text` is a token: `1*tchar` of RFC 9110 §5.6.2, which is the token of RFC 6455 too. It stands here, in the
 * leftmost folder that reads header text, so that the handshake can use the same.
 */
export function isToken(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    if (!isTokenCode(text.charCodeAt(index))) return false;
  }
  return text.length > 0;
}

const TOKEN_CHARACTERS = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** 1 for each code unit that may stand in a token. */
const tokenCodes: Uint8Array = Uint8Array.from({ length: 128 }, (_, code) =>
  TOKEN_CHARACTERS.includes(String.fromCharCode(code)) ? 1 : 0,
);

/** Past the end of a text charCodeAt gives NaN, past the end of the table there is undefined: neither is 1. */
function isTokenCode(code: number): boolean {
  return tokenCodes[code] === 1;
}

/** `extension-list = 1#extension`; RFC 9110 §5.6.1.2: "A recipient MUST parse and ignore … empty list elements". */
function parseList(scanner: Scanner, offers: Map<string, ExtensionOffer[]>): boolean {
  for (;;) {
    scanner.skipSpace();
    if (scanner.atEnd) return true;
    if (scanner.take(',')) continue;
    const offer = parseOffer(scanner);
    if (offer === undefined) return false;
    append(offers, offer.name, offer);
    if (!scanner.atEnd && !scanner.take(',')) return false;
  }
}

/** `extension = extension-token *( ";" extension-param )`, and the white space behind it. */
function parseOffer(scanner: Scanner): ExtensionOffer | undefined {
  const name = scanner.takeToken();
  if (name === undefined) return undefined;
  const parameters = new Map<string, ExtensionParameterValue[]>();
  for (;;) {
    scanner.skipSpace();
    if (!scanner.take(';')) return { name, parameters };
    scanner.skipSpace();
    const parameter = scanner.takeToken();
    const value = parameter === undefined ? undefined : parseParameterValue(scanner);
    if (parameter === undefined || value === undefined) return undefined;
    append(parameters, parameter, value);
  }
}

/** `[ "=" (token | quoted-string) ]`. RFC 6455 took the implied white space of RFC 2616 over: it may surround "=". */
function parseParameterValue(scanner: Scanner): ExtensionParameterValue | undefined {
  scanner.skipSpace();
  if (!scanner.take('=')) return true;
  scanner.skipSpace();
  return scanner.take('"') ? scanner.takeQuoted() : scanner.takeToken();
}

function append<Value>(lists: Map<string, Value[]>, key: string, value: Value): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

function serializeOffer({ name, parameters }: ExtensionOffer): string {
  let text = checkToken(name);
  for (const [parameter, values] of parameters) {
    for (const value of values) {
      text += `; ${checkToken(parameter)}`;
      if (value !== true) text += `=${checkToken(value)}`;
    }
  }
  return text;
}

function checkToken(text: string): string {
  if (!isToken(text)) throw new TypeError(`Cannot write an extension: ${JSON.stringify(text)} is not a token`);
  return text;
}

/** A text and a position that only moves forward. */
class Scanner {
  readonly #text: string;
  #position = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get atEnd(): boolean {
    return this.#position === this.#text.length;
  }

  skipSpace(): void {
    while (this.#text[this.#position] === ' ' || this.#text[this.#position] === '\t') this.#position += 1;
  }

  take(character: string): boolean {
    if (this.#text[this.#position] !== character) return false;
    this.#position += 1;
    return true;
  }

  takeToken(): string | undefined {
    const start = this.#position;
    while (isTokenCode(this.#text.charCodeAt(this.#position))) this.#position += 1;
    return this.#position === start ? undefined : this.#text.slice(start, this.#position);
  }

  /**
   * The rest of a quoted-string, unescaped. RFC 6455 §9.1: "When using the quoted-string syntax variant, the value
   * after quoted-string unescaping MUST conform to the 'token' ABNF." So the first character of no token ends it.
   */
  takeQuoted(): string | undefined {
    let value = '';
    for (;;) {
      if (this.take('"')) return value === '' ? undefined : value;
      this.take('\\');
      if (!isTokenCode(this.#text.charCodeAt(this.#position))) return undefined;
      value += this.#text[this.#position];
      this.#position += 1;
    }
  }
}
