import type { WorkloadEntryFields } from '../schema/workload-entry.ts';
import { fqdnProblem } from './hostname.ts';
import { isIpAddress, UNIX_PREFIX, unixPathProblem } from './ip-address.ts';
import { validateLabels } from './labels.ts';
import { portNameProblem, portProblem } from './port.ts';
import { keyed, type Report } from './problem.ts';

export interface WorkloadEntryOptions {
  /** Ports of the ServiceEntry that it is an endpoint of; absent for a resource of its own. */
  readonly servicePorts?: ReadonlySet<string>;
  /** Endpoints of a STATIC ServiceEntry are addresses. */
  readonly allowNames: boolean;
}

/** A WorkloadEntry, or an endpoint of a STATIC ServiceEntry. */
export function validateWorkloadEntry(
  report: Report,
  field: string,
  entry: WorkloadEntryFields,
  options: WorkloadEntryOptions,
): void {
  const { address = '', network = '' } = entry;
  if (address === '') {
    if (network === '') {
      report.error('endpointAddress', `${field}.address`, 'an endpoint needs an address');
      return;
    }
    report.warning(
      'endpointAddress',
      `${field}.address`,
      `without an address, the endpoint is reached over the gateways of network ${JSON.stringify(network)}`,
    );
  }
  const isUnix = address.startsWith(UNIX_PREFIX);
  if (isUnix) validateUnixEndpoint(report, field, address, entry.ports);
  else if (address !== '' && !isIpAddress(address)) validateNamedEndpoint(report, field, address, options.allowNames);
  validateEndpointPorts(report, `${field}.ports`, entry.ports, options.servicePorts);
  validateLabels(report, `${field}.labels`, entry.labels);
  if (isUnix && options.servicePorts !== undefined && options.servicePorts.size !== 1) {
    report.error(
      'unixEndpoint',
      `${field}.address`,
      `a unix socket serves one port; the ServiceEntry has ${options.servicePorts.size}`,
    );
  }
}

function validateUnixEndpoint(
  report: Report,
  field: string,
  address: string,
  ports: WorkloadEntryFields['ports'],
): void {
  report.check('unixEndpoint', `${field}.address`, unixPathProblem(address.slice(UNIX_PREFIX.length)));
  if (Object.keys(ports ?? {}).length > 0)
    report.error('unixEndpoint', `${field}.ports`, 'a unix socket has no ports', 'remove ports');
}

function validateNamedEndpoint(report: Report, field: string, address: string, allowNames: boolean): void {
  if (!allowNames) {
    report.error(
      'endpointAddress',
      `${field}.address`,
      `${JSON.stringify(address)} is not an IP address`,
      'write an IP address, or use resolution DNS',
    );
  } else if (fqdnProblem(address) !== undefined) {
    report.error(
      'endpointAddress',
      `${field}.address`,
      `${JSON.stringify(address)} is neither an IP address nor a full name`,
    );
  }
}

/** Port name to number; of an endpoint, only names of the ServiceEntry's ports. */
export function validateEndpointPorts(
  report: Report,
  field: string,
  ports: WorkloadEntryFields['ports'],
  servicePorts: ReadonlySet<string> | undefined,
): void {
  for (const [name, number] of Object.entries(ports ?? {})) {
    const at = keyed(field, name);
    if (servicePorts !== undefined && !servicePorts.has(name)) {
      report.error(
        'endpointPort',
        at,
        `the ServiceEntry has no port called ${JSON.stringify(name)}`,
        `use one of its port names`,
      );
    }
    report.check('portName', at, portNameProblem(name));
    report.check('port', at, portProblem(number));
  }
}
