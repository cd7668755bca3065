// For docs.spec.ts: what has a comment and what has none.

export function bare(): void {}

export interface Bare {
  readonly member: number;
  /** Has one. */
  readonly said: number;
}

/** Has one. */
export class Said {
  readonly #hidden: number = 1;
  private readonly alsoHidden: number = 2;
  readonly bare: number = this.#hidden + this.alsoHidden;
  /** Has one. */
  readonly said: number = 2;
  /** @internal */
  readonly inner: number = 3;

  static make(): Said {
    return new Said();
  }
}

/** Has one. */
export type Either =
  /** The alternative says it. */
  | { readonly type: 'a'; readonly one: number }
  | {
      /** Has one. */
      readonly type: 'b';
      readonly bare: number;
    };
