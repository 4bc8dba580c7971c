import type { DestinationRuleFields, SubsetFields } from '../schema/destination-rule.ts';
import { isDnsLabel } from './dns-label.ts';
import { validateExportTo } from './export-to.ts';
import { wildcardDomainProblem } from './hostname.ts';
import { validateLabels } from './labels.ts';
import type { Report } from './problem.ts';
import { validateTrafficPolicy } from './traffic-policy.ts';
import { validateSelector } from './workload-selector.ts';

/** What the webhook asks of a DestinationRule. */
export function validateDestinationRule(report: Report, spec: DestinationRuleFields, namespace: string): void {
  report.check('hostname', 'spec.host', wildcardDomainProblem(spec.host ?? ''));
  validateTrafficPolicy(report, 'spec.trafficPolicy', spec.trafficPolicy, namespace);
  const names = new Set<string>();
  for (const [index, subset] of (spec.subsets ?? []).entries()) {
    const field = `spec.subsets[${index}]`;
    const { name = '' } = subset;
    if (names.has(name)) report.error('subset', `${field}.name`, `two subsets are called ${JSON.stringify(name)}`);
    names.add(name);
    validateSubset(report, field, subset, namespace);
  }
  const selector = spec.workloadSelector;
  validateExportTo(report, 'spec.exportTo', spec.exportTo, { namespace, ownNamespaceOnly: selector !== undefined });
  if (selector !== undefined) validateSelector(report, 'spec.workloadSelector', 'matchLabels', selector.matchLabels);
}

export function validateSubset(report: Report, field: string, subset: SubsetFields, namespace?: string): void {
  report.check('subset', `${field}.name`, subsetNameProblem(subset.name ?? ''));
  validateLabels(report, `${field}.labels`, subset.labels);
  validateTrafficPolicy(report, `${field}.trafficPolicy`, subset.trafficPolicy, namespace);
}

export function subsetNameProblem(name: string): string | undefined {
  if (name === '') return 'a subset needs a name';
  return isDnsLabel(name) ? undefined : `subset name ${JSON.stringify(name)} is not a DNS label`;
}
