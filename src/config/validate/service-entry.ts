import { isHttp, isTcp, isTls, parseProtocol } from '../../core/match/protocol.ts';
import type { ServiceEntryFields } from '../schema/service-entry.ts';
import { validateExportTo } from './export-to.ts';
import { fqdnProblem, partialWildcardProblem, wildcardDomainProblem } from './hostname.ts';
import { isIpAddress, subnetProblem } from './ip-address.ts';
import { validateLabels } from './labels.ts';
import { PROTOCOL_FIX, portNameProblem, portProblem, protocolProblem } from './port.ts';
import type { Report } from './problem.ts';
import { validateEndpointPorts, validateWorkloadEntry } from './workload-entry.ts';
import { validateSelector } from './workload-selector.ts';

const AUTO_ALLOCATE_LABEL = 'networking.istio.io/enable-autoallocate-ip';
const WAYPOINT_LABEL = 'istio.io/use-waypoint';
const DYNAMIC_DNS_PROTOCOLS: ReadonlySet<string> = new Set(['HTTP', 'TLS', 'GRPC', 'HTTP2']);

export type Labels = Readonly<Record<string, string>>;

/** What the webhook asks of a ServiceEntry. `labels` are the resource's own. */
export function validateServiceEntry(
  report: Report,
  spec: ServiceEntryFields,
  namespace: string,
  labels: Labels,
): void {
  const selector = spec.workloadSelector;
  if (selector !== undefined) {
    if (!validateSelector(report, 'spec.workloadSelector', 'labels', selector.labels)) return;
    if (spec.endpoints !== undefined) {
      report.error(
        'selectorAndEndpoints',
        'spec.endpoints',
        'workloadSelector and endpoints exclude each other',
        'keep one of them',
      );
    }
  }
  validateHosts(report, spec);
  validateAddresses(report, spec);
  validatePorts(report, spec, labels);
  validateResolution(report, spec, labels);
  validateManyHosts(report, spec);
  validateExportTo(report, 'spec.exportTo', spec.exportTo, { namespace, allowNone: true });
}

function resolutionOf(spec: ServiceEntryFields): string {
  return spec.resolution ?? 'NONE';
}

function validateHosts(report: Report, spec: ServiceEntryFields): void {
  const hosts = spec.hosts ?? [];
  if (hosts.length === 0) report.error('hostsRequired', 'spec.hosts', 'a ServiceEntry needs a host');
  for (const [index, host] of hosts.entries()) {
    const field = `spec.hosts[${index}]`;
    if (host === '*') {
      report.error('hostname', field, '* would admit every host', 'name a domain, such as *.example.com');
      continue;
    }
    report.check('hostname', field, wildcardDomainProblem(host));
    // Resolution DYNAMIC_DNS looks the dialled name up, whatever the wildcard.
    const partial = resolutionOf(spec) === 'DYNAMIC_DNS' ? undefined : partialWildcardProblem(host);
    if (partial !== undefined) report.warning('partialWildcard', field, partial);
  }
}

function validateAddresses(report: Report, spec: ServiceEntryFields): void {
  const addresses = spec.addresses ?? [];
  for (const [index, address] of addresses.entries())
    report.check('address', `spec.addresses[${index}]`, subnetProblem(address));
  const resolution = resolutionOf(spec);
  if (resolution !== 'NONE' && resolution !== 'STATIC' && addresses.some((address) => address.includes('/'))) {
    report.error(
      'cidrResolution',
      'spec.addresses',
      `resolution ${resolution} takes addresses, not CIDR blocks`,
      'use resolution NONE or STATIC',
    );
  }
}

function validatePorts(report: Report, spec: ServiceEntryFields, labels: Labels): void {
  const names = new Set<string>();
  const numbers = new Set<number>();
  const needsAddress = (spec.addresses ?? []).length === 0 && !allocatesAddress(spec, labels);
  for (const [index, port] of (spec.ports ?? []).entries()) {
    const field = `spec.ports[${index}]`;
    const { name = '', number = 0, protocol = '' } = port;
    if (names.has(name)) report.error('duplicatePort', `${field}.name`, `two ports are called ${JSON.stringify(name)}`);
    names.add(name);
    if (numbers.has(number)) report.error('duplicatePort', `${field}.number`, `port ${number} stands twice`);
    numbers.add(number);
    if (port.targetPort !== undefined && port.targetPort !== 0)
      report.check('port', `${field}.targetPort`, portProblem(port.targetPort));
    if (needsAddress && (protocol === '' || protocol === 'TCP')) {
      report.warning(
        'addressesRequired',
        field,
        'a TCP port without addresses admits every destination on that port',
        'set addresses, or a protocol that carries the host',
      );
    }
    report.check('portName', `${field}.name`, portNameProblem(name));
    report.check('protocol', `${field}.protocol`, protocolProblem(protocol), PROTOCOL_FIX);
    report.check('port', `${field}.number`, portProblem(number));
  }
}

/** Whether Istio gives it an address of its own, so that TCP ports can be told apart. */
export function allocatesAddress(spec: ServiceEntryFields, labels: Labels): boolean {
  if (labels[AUTO_ALLOCATE_LABEL]?.toLowerCase() === 'false') return false;
  return resolutionOf(spec) !== 'NONE' && !(spec.hosts ?? []).some((host) => host.startsWith('*'));
}

function validateResolution(report: Report, spec: ServiceEntryFields, labels: Labels): void {
  const endpoints = spec.endpoints ?? [];
  switch (resolutionOf(spec)) {
    case 'NONE':
      if (endpoints.length > 0)
        report.error(
          'endpointsWithNone',
          'spec.endpoints',
          'resolution NONE keeps the dialled address; endpoints have no effect',
          'use resolution STATIC or DNS, or remove endpoints',
        );
      if (spec.workloadSelector !== undefined) warnSelector(report, 'NONE');
      return;
    case 'STATIC': {
      const servicePorts = portNames(spec);
      for (const [index, endpoint] of endpoints.entries()) {
        validateWorkloadEntry(report, `spec.endpoints[${index}]`, endpoint, { servicePorts, allowNames: false });
      }
      return;
    }
    case 'DYNAMIC_DNS':
      validateDynamicDns(report, spec, labels);
      return;
    default:
      validateDns(report, spec);
  }
}

function warnSelector(report: Report, resolution: string): void {
  report.warning(
    'selectorResolution',
    'spec.workloadSelector',
    `workloadSelector has no effect with resolution ${resolution}`,
    'use resolution STATIC',
  );
}

function portNames(spec: ServiceEntryFields): ReadonlySet<string> {
  return new Set((spec.ports ?? []).map(({ name = '' }) => name));
}

function validateDns(report: Report, spec: ServiceEntryFields): void {
  const resolution = resolutionOf(spec);
  const endpoints = spec.endpoints ?? [];
  if (endpoints.length === 0) {
    for (const [index, host] of (spec.hosts ?? []).entries()) {
      const problem = fqdnProblem(host);
      if (problem === undefined) continue;
      report.error(
        'dnsHost',
        `spec.hosts[${index}]`,
        `resolution ${resolution} looks the host up, but ${problem}`,
        'add endpoints, or use resolution NONE or DYNAMIC_DNS for a wildcard',
      );
    }
  }
  if (resolution === 'DNS_ROUND_ROBIN' && endpoints.length > 1) {
    report.error(
      'endpointsRoundRobin',
      'spec.endpoints',
      'resolution DNS_ROUND_ROBIN takes one endpoint at most',
      'use resolution DNS',
    );
  }
  const servicePorts = portNames(spec);
  for (const [index, endpoint] of endpoints.entries()) {
    const field = `spec.endpoints[${index}]`;
    const { address = '' } = endpoint;
    if (!isIpAddress(address) && fqdnProblem(address) !== undefined) {
      report.error(
        'endpointAddress',
        `${field}.address`,
        `${JSON.stringify(address)} is neither an IP address nor a full name`,
      );
    }
    validateLabels(report, `${field}.labels`, endpoint.labels);
    validateEndpointPorts(report, `${field}.ports`, endpoint.ports, servicePorts);
  }
  const tcp = (spec.ports ?? []).some(({ protocol }) => isTcp(parseProtocol(protocol)));
  if ((spec.addresses ?? []).length > 0 && tcp && (spec.hosts ?? []).length > 1) {
    report.warning(
      'manyHostsOneAddress',
      'spec.hosts',
      'several hosts share the addresses; on a TCP port only one of them can be meant',
      'write one ServiceEntry a host',
    );
  }
}

function validateDynamicDns(report: Report, spec: ServiceEntryFields, labels: Labels): void {
  const hosts = spec.hosts ?? [];
  if (hosts.length === 0) report.error('dynamicDns', 'spec.hosts', 'resolution DYNAMIC_DNS needs a wildcard host');
  for (const [index, host] of hosts.entries()) {
    if (!host.startsWith('*'))
      report.error(
        'dynamicDns',
        `spec.hosts[${index}]`,
        'resolution DYNAMIC_DNS takes wildcard hosts only',
        'use resolution DNS for a full name',
      );
  }
  if ((spec.addresses ?? []).length > 0)
    report.error('dynamicDns', 'spec.addresses', 'resolution DYNAMIC_DNS goes by the host; addresses must not be set');
  if ((spec.endpoints ?? []).length > 0)
    report.error('dynamicDns', 'spec.endpoints', 'resolution DYNAMIC_DNS goes by the host; endpoints must not be set');
  for (const [index, { protocol = '' }] of (spec.ports ?? []).entries()) {
    if (!DYNAMIC_DNS_PROTOCOLS.has(parseProtocol(protocol))) {
      report.error(
        'dynamicDns',
        `spec.ports[${index}].protocol`,
        'resolution DYNAMIC_DNS needs a protocol that carries the host: HTTP, HTTP2, GRPC or TLS',
      );
    }
  }
  if (spec.location === 'MESH_INTERNAL' && usesWaypoint(labels)) {
    report.error('dynamicDns', 'spec.location', 'MESH_INTERNAL with resolution DYNAMIC_DNS cannot use a waypoint');
  }
}

/** Whether an ambient waypoint is asked for. */
export function usesWaypoint(labels: Labels): boolean {
  const waypoint = labels[WAYPOINT_LABEL];
  return waypoint !== undefined && waypoint !== '' && waypoint !== 'none';
}

/** Neither an address nor the bytes tell several hosts apart on such a port. */
function validateManyHosts(report: Report, spec: ServiceEntryFields): void {
  if (resolutionOf(spec) === 'NONE' || (spec.hosts ?? []).length < 2) return;
  const opaque = (spec.ports ?? []).findIndex(({ protocol }) => {
    const parsed = parseProtocol(protocol);
    return !isHttp(parsed) && !isTls(parsed);
  });
  if (opaque < 0) return;
  report.error(
    'manyHostsOpaquePort',
    `spec.ports[${opaque}]`,
    'several hosts on a port whose protocol carries no host',
    'write one ServiceEntry a host, or set protocol HTTP, HTTPS or TLS',
  );
}
