/** Limits of what a text may hold. docs/configuration.md names them. */

/** Characters of one source text. */
export const MAX_SOURCE_LENGTH = 32 * 1024 * 1024;
/** Characters of one document in it: what the API server takes in one request. */
export const MAX_DOCUMENT_LENGTH = 3 * 1024 * 1024;
/** Maps and lists inside one another. */
export const MAX_NESTING = 64;
/** Aliases (`*name`) of one document. */
export const MAX_ALIASES = 256;
/** Values of one document after aliases are expanded. */
export const MAX_VALUES = 1_000_000;

/** Keys that would reach an object's prototype in careless code further down. */
export const FORBIDDEN_KEYS = new Set(['__proto__', 'constructor', 'prototype']);
