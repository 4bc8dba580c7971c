import type { ProxyConfigFields } from '../schema/proxy-config.ts';
import type { Report } from './problem.ts';
import { validateSelector } from './workload-selector.ts';

export function validateProxyConfig(report: Report, spec: ProxyConfigFields): void {
  if (spec.selector !== undefined) validateSelector(report, 'spec.selector', 'matchLabels', spec.selector.matchLabels);
  if ((spec.concurrency ?? 0) < 0) report.error('count', 'spec.concurrency', 'concurrency must not be negative');
}
