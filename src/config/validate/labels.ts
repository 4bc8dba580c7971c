import { labelKeyProblem, labelValueProblem } from './dns-label.ts';
import { keyed, type Report } from './problem.ts';

/** Labels that are compared with those of workloads. */
export function validateLabels(
  report: Report,
  field: string,
  labels: Readonly<Record<string, string>> | undefined,
): void {
  for (const [key, value] of Object.entries(labels ?? {})) {
    report.check('labels', keyed(field, key), labelKeyProblem(key));
    report.check('labels', keyed(field, key), labelValueProblem(value));
  }
}
