import type { OutlierDetectionFields } from '../schema/destination-rule.ts';
import type { Report } from './problem.ts';
import { validateDuration } from './time.ts';

export function validateOutlierDetection(
  report: Report,
  field: string,
  outlier: OutlierDetectionFields | undefined,
): void {
  if (outlier === undefined) return;
  validateDuration(report, `${field}.baseEjectionTime`, outlier.baseEjectionTime);
  validateDuration(report, `${field}.interval`, outlier.interval);
  if ((outlier.consecutiveErrors ?? 0) !== 0) {
    report.warning(
      'deprecatedField',
      `${field}.consecutiveErrors`,
      'consecutiveErrors is deprecated',
      'use consecutiveGatewayErrors or consecutive5xxErrors',
    );
  }
  if (outlier.splitExternalLocalOriginErrors !== true && (outlier.consecutiveLocalOriginFailures ?? 0) > 0) {
    report.error(
      'localOriginFailures',
      `${field}.consecutiveLocalOriginFailures`,
      'has an effect only with splitExternalLocalOriginErrors',
      'set splitExternalLocalOriginErrors: true',
    );
  }
  for (const name of ['maxEjectionPercent', 'minHealthPercent'] as const) {
    report.check('percent', `${field}.${name}`, percentProblem(outlier[name] ?? 0));
  }
}

/** A whole percentage. */
export function percentProblem(value: number): string | undefined {
  return value >= 0 && value <= 100 ? undefined : `${value} is not a percentage; percentages are 0 to 100`;
}
