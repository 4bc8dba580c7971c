import type { ProxyConfigFields } from '../schema/proxy-config.ts';
import { warnEmptySelector } from './destination-rule.ts';
import type { Report } from './problem.ts';
import { isEmptySelector, validateSelectorLabels } from './workload-selector.ts';

export function validateProxyConfig(report: Report, spec: ProxyConfigFields): void {
  if (spec.selector !== undefined) {
    validateSelectorLabels(report, 'spec.selector.matchLabels', spec.selector.matchLabels);
    if (isEmptySelector(spec.selector.matchLabels)) warnEmptySelector(report, 'spec.selector');
  }
  if ((spec.concurrency ?? 0) < 0) report.error('count', 'spec.concurrency', 'concurrency must not be negative');
}
