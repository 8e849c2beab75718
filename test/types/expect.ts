// The two assertions that the files beside this one are made of.

/** Compiles only where a value of type T is expected to be usable as one. */
export function expectType<T>(_value: T): void {}

/** `true` where two types are exactly the same. */
export type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
