import { keyed, type Report } from './problem.ts';

/** Whether it has errors; the callers that stop at them ask for it. */
export function validateSelectorLabels(
  report: Report,
  field: string,
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  let valid = true;
  for (const [key, value] of Object.entries(labels ?? {})) {
    if (key === '') {
      report.error('selectorLabels', keyed(field, key), 'a selector needs the name of a label');
      valid = false;
    }
    if (key.includes('*') || value.includes('*')) {
      report.error(
        'selectorLabels',
        keyed(field, key),
        `${JSON.stringify(`${key}=${value}`)}: a selector compares labels exactly; * is not allowed`,
      );
      valid = false;
    }
  }
  return valid;
}

export function isEmptySelector(labels: Readonly<Record<string, string>> | undefined): boolean {
  return Object.keys(labels ?? {}).length === 0;
}

/** A selector by `matchLabels`. */
export function validateSelector(
  report: Report,
  field: string,
  { matchLabels }: { readonly matchLabels?: Readonly<Record<string, string>> | undefined },
): void {
  validateSelectorLabels(report, `${field}.matchLabels`, matchLabels);
  if (!isEmptySelector(matchLabels)) return;
  report.warning(
    'emptySelector',
    field,
    'a selector without labels selects every workload of the namespace',
    'name labels, or remove the selector',
  );
}
