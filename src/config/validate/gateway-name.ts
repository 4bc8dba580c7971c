import { isDnsLabel } from './dns-label.ts';
import { fqdnProblem } from './hostname.ts';
import type { Report } from './problem.ts';

/** The Gateways that a VirtualService, or one of its matches, is bound to. */
export function validateGatewayNames(
  report: Report,
  field: string,
  gateways: readonly string[] | undefined,
  kubernetesGateway = false,
): void {
  for (const [index, gateway] of (gateways ?? []).entries()) {
    const at = `${field}[${index}]`;
    const slash = gateway.indexOf('/');
    if (slash < 0) {
      // Istio looks no further once a name lacks its namespace.
      validateBareName(report, at, gateway);
      return;
    }
    const namespace = gateway.slice(0, slash);
    const name = gateway.slice(slash + 1);
    if (!isDnsLabel(namespace))
      report.error(
        'gatewayReference',
        at,
        `${JSON.stringify(namespace)} in ${JSON.stringify(gateway)} is not a namespace`,
      );
    if (!isDnsLabel(name) && !kubernetesGateway)
      report.error(
        'gatewayReference',
        at,
        `${JSON.stringify(name)} in ${JSON.stringify(gateway)} is not the name of a Gateway`,
      );
    else if (name === '')
      report.error('gatewayReference', at, `${JSON.stringify(gateway)} lacks the name of the Gateway`);
  }
}

function validateBareName(report: Report, field: string, gateway: string): void {
  const [name = '', namespace] = gateway.split('.');
  if (namespace !== undefined) {
    report.warning(
      'legacyGatewayName',
      field,
      `${JSON.stringify(gateway)} names the Gateway in an old form`,
      `write ${JSON.stringify(`${namespace}/${name}`)}`,
    );
  }
  report.check('gatewayReference', field, fqdnProblem(gateway));
}
