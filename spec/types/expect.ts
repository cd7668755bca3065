// What a type is, said so that the compiler checks it.

/** True when both types are the same, as far as the compiler can tell them apart. */
export type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles when the type of the value is exactly that. */
export function isOf<Expected>() {
  return <Actual>(
    _value: Actual,
    ..._same: Same<Actual, Expected> extends true ? [] : [expected: Expected]
  ): void => {};
}
