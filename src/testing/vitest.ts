/** `import 'sidecarless/vitest'`: adds toAllow, toDeny, toRouteTo and toTimeOutAfter to Vitest's `expect`. */
import { expect } from 'vitest';
import { egressMatchers } from './matchers.ts';
import type { EgressMatchers } from './matchers.ts';

declare module 'vitest' {
  // The parameter's name must be Vitest's own for the declarations to merge.
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type, @typescript-eslint/no-explicit-any
  interface Assertion<T = any> extends EgressMatchers<T> {}
}

expect.extend(egressMatchers);

export { connectionTo } from './connection-to.ts';
export { decideFor, egressMatchers } from './matchers.ts';
export type { ConnectionOptions } from './connection-to.ts';
export type { EgressMatchers, MatcherResult, Target } from './matchers.ts';
