/** Freezes a value and all it holds. Values that are frozen already are taken as frozen all the way down. */
export function deepFreeze<T>(value: T): T {
  const pending: unknown[] = [value];
  while (pending.length > 0) {
    const next = pending.pop();
    if (typeof next !== 'object' || next === null || Object.isFrozen(next)) continue;
    Object.freeze(next);
    for (const inner of Object.values(next) as unknown[]) pending.push(inner);
  }
  return value;
}
