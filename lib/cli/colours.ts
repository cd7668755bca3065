// Colours for terminals.

// SGR codes.
const styles = { dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;
export type Style = keyof typeof styles;

export type Paint = (text: string, style: Style) => string;

export interface ColourOptions {
  readonly isTerminal: boolean;
  /** The environment: NO_COLOR turns colours off when it is not empty, and so does TERM=dumb. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Gives a function that colours a text, or leaves it as it is. */
export function createPaint({ isTerminal, environment }: ColourOptions): Paint {
  const hasColours = isTerminal && !environment['NO_COLOR'] && environment['TERM'] !== 'dumb';
  return hasColours ? (text, style) => `\x1b[${styles[style]}m${text}\x1b[0m` : (text) => text;
}
