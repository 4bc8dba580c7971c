import { keyed, type Report } from './problem.ts';

function validateSelectorLabels(
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

/**
 * The labels of a selector, `labels` or `matchLabels`, and a warning when there are none. Whether it has no error; the
 * callers that stop at one ask for it.
 */
export function validateSelector(
  report: Report,
  field: string,
  name: 'labels' | 'matchLabels',
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  if (!validateSelectorLabels(report, `${field}.${name}`, labels)) return false;
  if (Object.keys(labels ?? {}).length > 0) return true;
  report.warning(
    'emptySelector',
    field,
    'a selector without labels selects every workload of the namespace',
    'name labels, or remove the selector',
  );
  return true;
}
