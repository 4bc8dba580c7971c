/** Symbols that were found, by description: one for each copy of a library that keeps such a field. */
const found = new Map<string, symbol[]>();
const NONE: readonly symbol[] = [];

/** The value of a symbol-keyed field that Node or undici keeps to itself, by the symbol's description. */
export function hiddenField(object: object, description: string): unknown {
  for (const symbol of found.get(description) ?? NONE)
    if (Object.hasOwn(object, symbol)) return (object as Record<symbol, unknown>)[symbol];
  const symbol = Object.getOwnPropertySymbols(object).find((one) => one.description === description);
  if (symbol === undefined) return undefined;
  const known = found.get(description);
  if (known) known.push(symbol);
  else found.set(description, [symbol]);
  return (object as Record<symbol, unknown>)[symbol];
}
