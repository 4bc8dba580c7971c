import { codeOfRule, type RuleName } from './rule-codes.ts';

/** One thing that Istio's API server or admission webhook says of a resource. `warning` does not reject it. */
export interface Problem {
  /** Path from the resource's root: `spec.http[0].route[1].weight`, `metadata.name`. */
  readonly field: string;
  readonly level: 'error' | 'warning';
  /** `SCL....`; the list is `ruleCodes`. */
  readonly code: string;
  /** One sentence, lower case, no final period. */
  readonly message: string;
  /** What to do about it. */
  readonly fix?: string;
}

export type { RuleName } from './rule-codes.ts';

/** Collects what the rules of one resource find. */
export class Report {
  readonly problems: Problem[] = [];

  error(rule: RuleName, field: string, message: string, fix?: string): void {
    this.#add('error', rule, field, message, fix);
  }

  warning(rule: RuleName, field: string, message: string, fix?: string): void {
    this.#add('warning', rule, field, message, fix);
  }

  /** Reports what one of the small checks said, if it said something. */
  check(rule: RuleName, field: string, message: string | undefined, fix?: string): void {
    if (message !== undefined) this.error(rule, field, message, fix);
  }

  #add(level: Problem['level'], rule: RuleName, field: string, message: string, fix: string | undefined): void {
    this.problems.push({ field, level, code: codeOfRule(rule), message, ...(fix === undefined ? {} : { fix }) });
  }
}

/** `{ add: ['x y'] }` -> `spec.headers.add["x y"]`: a key that is no plain name is quoted. */
export function keyed(path: string, key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`;
}
