import type { Report } from './problem.ts';

const ALWAYS_REJECT = 'internal.istio.io/webhook-always-reject';
const DRY_RUN = 'istio.io/dry-run';
/** Istio writes it on what it makes from Gateway API routes. */
const PARENTS = 'internal.istio.io/parents';

/** What is asked of every kind. */
export function validateAnnotations(report: Report, kind: string, annotations: Readonly<Record<string, string>>): void {
  const refused = [ALWAYS_REJECT, DRY_RUN, ...(kind === 'VirtualService' ? [PARENTS] : [])];
  for (const annotation of refused.filter((key) => Object.hasOwn(annotations, key))) {
    report.error(
      'annotation',
      `metadata.annotations[${JSON.stringify(annotation)}]`,
      `the annotation makes Istio refuse a ${kind}`,
      'remove it',
    );
  }
}
