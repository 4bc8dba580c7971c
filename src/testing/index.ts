export { connectionTo } from './connection-to.ts';
export type { ConnectionOptions } from './connection-to.ts';
export { decideFor, egressMatchers } from './matchers.ts';
export type { EgressMatchers, MatcherResult, Target } from './matchers.ts';
