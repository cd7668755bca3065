/**
 * All options by name, undefined where one is left out: made for each handshake, as a literal. On Node 20 spreads take several times as long, one of a single object with the same names too: with them
 * a handshake took 267 us instead of 235, and 330 instead of 265. So these names stand in more places than one.
 */
export type Stated<Options> = { readonly [Name in keyof Required<Options>]: Options[Name] | undefined };
