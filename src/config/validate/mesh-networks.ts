import { isDnsLabel } from './dns-label.ts';
import { fqdnProblem } from './hostname.ts';
import { isIpAddress, subnetProblem } from './ip-address.ts';
import { portProblem } from './port.ts';
import { keyed, type Problem, Report } from './problem.ts';

/** istio.mesh.v1alpha1.Network: endpoints that reach each other, and the gateways to them. */
export interface NetworkFields {
  readonly endpoints?: readonly { readonly fromCidr?: string; readonly fromRegistry?: string }[];
  readonly gateways?: readonly {
    readonly registryServiceName?: string;
    readonly address?: string;
    readonly port?: number;
  }[];
}

/** What Istio asks of `meshNetworks`. */
export function validateMeshNetworks({
  networks = {},
}: {
  readonly networks?: Readonly<Record<string, NetworkFields>>;
}): Problem[] {
  const report = new Report();
  for (const [name, network] of Object.entries(networks)) validateNetwork(report, keyed('networks', name), network);
  return report.problems;
}

export function validateNetwork(report: Report, field: string, { endpoints = [], gateways = [] }: NetworkFields): void {
  for (const [index, { fromCidr, fromRegistry }] of endpoints.entries()) {
    const at = `${field}.endpoints[${index}]`;
    if (fromCidr !== undefined) report.check('meshNetwork', `${at}.fromCidr`, subnetProblem(fromCidr));
    else if (fromRegistry !== undefined && !isDnsLabel(fromRegistry)) {
      report.error(
        'meshNetwork',
        `${at}.fromRegistry`,
        `${JSON.stringify(fromRegistry)} is not the name of a registry`,
      );
    }
  }
  for (const [index, { registryServiceName, address, port = 0 }] of gateways.entries()) {
    const at = `${field}.gateways[${index}]`;
    if (registryServiceName !== undefined)
      report.check('meshNetwork', `${at}.registryServiceName`, fqdnProblem(registryServiceName));
    else if (address !== undefined && !isIpAddress(address) && fqdnProblem(address) !== undefined) {
      report.error('meshNetwork', `${at}.address`, `${JSON.stringify(address)} is neither an IP address nor a name`);
    }
    report.check('meshNetwork', `${at}.port`, portProblem(port));
  }
}
