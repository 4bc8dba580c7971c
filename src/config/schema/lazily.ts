/**
 * Made when it is first asked for, once. Making schemas is the larger part of what they cost at a start, and a policy has
 * resources of a few kinds only.
 */
export function lazily<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}
