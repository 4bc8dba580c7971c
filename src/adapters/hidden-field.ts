/** The value of a symbol-keyed field that Node or undici keeps to itself, by the symbol's description. */
export function hiddenField(object: object, description: string): unknown {
  for (const symbol of Object.getOwnPropertySymbols(object))
    if (symbol.description === description) return (object as Record<symbol, unknown>)[symbol];
  return undefined;
}
