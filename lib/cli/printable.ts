// What a peer has sent as something that a terminal can show. It may send escape sequences that clear the screen, set its title or hide what follows, and characters that turn the
// direction of writing. None of them reaches the terminal.

const shortEscapes: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Makes text printable on one line: controls, format characters, lone surrogates and line separators become escapes. */
export function escapeControls(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, escapeCharacter);
}

/** As {@link escapeControls}, with line feeds and tabs as they are. */
export function escapeControlsInLines(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) =>
    character === '\n' || character === '\t' ? character : escapeCharacter(character),
  );
}

function escapeCharacter(character: string): string {
  const code = (character.codePointAt(0) as number).toString(16);
  return shortEscapes[character] ?? `\\u{${code}}`;
}

/** Tells the length of a binary message and its first bytes. */
export function describeBinary(bytes: Uint8Array, most = 16): string {
  const { byteLength } = bytes;
  const digits = Array.from(bytes.subarray(0, most), (byte) => byte.toString(16).padStart(2, '0'));
  const start = `binary message of ${byteLength} ${byteLength === 1 ? 'byte' : 'bytes'}`;
  if (byteLength === 0) return start;
  return `${start}: ${digits.join(' ')}${byteLength > most ? ' …' : ''}`;
}
