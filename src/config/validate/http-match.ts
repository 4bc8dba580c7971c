import type { HTTPMatchFields } from '../schema/virtual-service.ts';
import { isDnsLabel } from './dns-label.ts';
import { validateGatewayNames } from './gateway-name.ts';
import { matchedHeaderProblem } from './http-header.ts';
import { validateLabels } from './labels.ts';
import { portProblem } from './port.ts';
import { keyed, type Report } from './problem.ts';
import { validateStringMatch } from './string-match.ts';

export function validateHttpMatch(report: Report, field: string, match: HTTPMatchFields): void {
  for (const list of ['headers', 'withoutHeaders'] as const) {
    for (const [name, value] of Object.entries(match[list] ?? {})) {
      const at = keyed(`${field}.${list}`, name);
      report.check('headerName', at, matchedHeaderProblem(name));
      // Istio reads the regex * as "whatever its value", though it is no RE2.
      if (list !== 'withoutHeaders' || value.regex !== '*') validateStringMatch(report, at, value);
    }
  }
  // An empty URI prefix is how "every path" is written.
  validateStringMatch(report, `${field}.uri`, match.uri, { emptyPrefix: true });
  validateStringMatch(report, `${field}.scheme`, match.scheme);
  validateStringMatch(report, `${field}.method`, match.method);
  validateStringMatch(report, `${field}.authority`, match.authority);
  for (const [name, value] of Object.entries(match.queryParams ?? {}))
    validateStringMatch(report, keyed(`${field}.queryParams`, name), value);
  validateTrafficSource(report, field, match);
  const { sourceNamespace = '' } = match;
  if (sourceNamespace !== '' && !isDnsLabel(sourceNamespace)) {
    report.error(
      'sourceNamespace',
      `${field}.sourceNamespace`,
      `${JSON.stringify(sourceNamespace)} is not a namespace`,
    );
  }
}

/** What HTTP, TLS and TCP matches have in common. */
export function validateTrafficSource(
  report: Report,
  field: string,
  match: Pick<HTTPMatchFields, 'port' | 'sourceLabels' | 'gateways'>,
): void {
  if ((match.port ?? 0) !== 0) report.check('port', `${field}.port`, portProblem(match.port ?? 0));
  validateLabels(report, `${field}.sourceLabels`, match.sourceLabels);
  validateGatewayNames(report, `${field}.gateways`, match.gateways);
}
