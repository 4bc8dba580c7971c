/**
 * `import 'sidecarless/jest'` in a test or in `setupFilesAfterEnv`: adds toAllow, toDeny, toRouteTo and toTimeOutAfter
 * to Jest's `expect`. With `injectGlobals: false` call `expect.extend(egressMatchers)` yourself.
 */
import type {} from 'expect';
import { egressMatchers } from './matchers.ts';
import type { EgressMatchers } from './matchers.ts';

declare module 'expect' {
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type
  interface Matchers<R> extends EgressMatchers<R> {}
}

const { expect } = globalThis as { expect?: { extend?: (matchers: typeof egressMatchers) => void } };
expect?.extend?.(egressMatchers);

export { connectionTo } from './connection-to.ts';
export { decideFor, egressMatchers } from './matchers.ts';
export type { ConnectionOptions } from './connection-to.ts';
export type { EgressMatchers, MatcherResult, Target } from './matchers.ts';
