import { isDnsLabel } from './dns-label.ts';
import type { Report } from './problem.ts';

export interface ExportToOptions {
  readonly namespace: string;
  /** `~` hides a service from everyone; other kinds cannot be hidden. */
  readonly allowNone?: boolean;
  /** A DestinationRule with a workloadSelector stays in its own namespace. */
  readonly ownNamespaceOnly?: boolean;
}

/** One entry of exportTo. */
export function visibilityProblem(entry: string): string | undefined {
  if (entry === '.' || entry === '*' || isDnsLabel(entry)) return undefined;
  if (entry === '~') return '~ exports to nobody, which only a ServiceEntry can';
  return `${JSON.stringify(entry)} is neither ".", "*" nor a namespace`;
}

export function validateExportTo(
  report: Report,
  field: string,
  exportTo: readonly string[] | undefined,
  options: ExportToOptions,
): void {
  if (exportTo === undefined || exportTo.length === 0) return;
  const { namespace, allowNone = false, ownNamespaceOnly = false } = options;
  const seen = new Set<string>();
  for (const [index, entry] of exportTo.entries()) {
    const target = entry === '.' ? namespace : entry;
    if (seen.has(target)) {
      const message =
        target === entry
          ? `${JSON.stringify(entry)} stands twice`
          : `"." and ${JSON.stringify(namespace)} are the same namespace`;
      report.error('exportTo', `${field}[${index}]`, message, 'remove one of them');
      continue;
    }
    const problem = allowNone && entry === '~' ? undefined : visibilityProblem(target);
    if (problem === undefined) seen.add(target);
    else report.error('exportTo', `${field}[${index}]`, problem);
  }
  if (ownNamespaceOnly && seen.size > 0) {
    if (!seen.has(namespace)) {
      report.error(
        'exportToWithSelector',
        field,
        'a DestinationRule with a workloadSelector cannot be exported to other namespaces',
        'write exportTo: ["."]',
      );
    } else if (seen.size > 1) {
      report.error(
        'exportToWithSelector',
        field,
        'a DestinationRule with a workloadSelector can be exported to its own namespace only',
        'write exportTo: ["."]',
      );
    }
  }
  if (exportTo.length === 1) return;
  if (seen.has('*'))
    report.error(
      'exportTo',
      field,
      '"*" already exports to every namespace; the other entries contradict it',
      'keep "*" or the namespaces',
    );
  if (seen.has('~'))
    report.error(
      'exportTo',
      field,
      '"~" exports to nobody; the other entries contradict it',
      'keep "~" or the namespaces',
    );
}
