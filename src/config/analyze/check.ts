import type { Analysis } from './analysis.ts';
import type { CheckCode } from './check-codes.ts';

/** One question to a set of resources. */
export interface Check {
  /** Also the name of its section in docs/checks.md. */
  readonly id: string;
  readonly codes: readonly CheckCode[];
  /** The analyzer of Istio that asks the same. */
  readonly istio?: string;
  run(analysis: Analysis): void;
}
