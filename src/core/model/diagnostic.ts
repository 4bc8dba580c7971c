import type { ResourceRef, SourceLocation } from './resource.ts';

/** One finding about configuration. `code` never changes its meaning; the list is docs/diagnostics.md. */
export interface Diagnostic {
  /** `IST0101` for what Istio's analyzers say too, `SCL...` for our own. */
  readonly code: string;
  readonly level: 'error' | 'warning' | 'info';
  /** One sentence, lower case, no final period. */
  readonly message: string;
  readonly resource?: ResourceRef;
  /** `spec.http[0].route[1].weight`. */
  readonly field?: string;
  readonly location?: SourceLocation;
  /** What to do about it. */
  readonly fix?: string;
}
