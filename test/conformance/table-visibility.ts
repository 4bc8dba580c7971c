import { DestinationRuleIndex } from '../../src/core/compile/destination-rule-index.ts';
import type { MeshService } from '../../src/core/compile/compiled.ts';
import { narrowExport } from '../../src/core/compile/namespace-policy.ts';
import { exportFields, RegisteredService } from '../../src/core/compile/registered-service.ts';
import { ServiceIndex } from '../../src/core/compile/service-index.ts';
import { scopeOf } from '../../src/core/compile/sidecar-index.ts';
import { VirtualServiceIndex } from '../../src/core/compile/virtual-service-index.ts';
import { parseProtocol } from '../../src/core/match/protocol.ts';
import { exportedTo } from '../../src/core/match/visibility.ts';
import type { DestinationRule } from '../../src/core/model/destination-rule.ts';
import type { MeshConfig } from '../../src/core/model/mesh-config.ts';
import type { Sidecar } from '../../src/core/model/sidecar.ts';
import type { VirtualService } from '../../src/core/model/virtual-service.ts';
import { defineMeshConfig } from '../../src/index.ts';
import { compare, notApplicable, type TableCase, type Verdict } from './table.ts';

interface RecordedService {
  readonly hostname: string;
  readonly namespace: string;
  readonly ports: readonly { readonly name?: string; readonly number: number; readonly protocol: string }[];
  readonly resolution: string;
  readonly registry?: string;
  readonly exportTo?: readonly string[];
  readonly visibility?: number;
}

interface RecordedInput {
  readonly namespace: string;
  readonly exportToDefaults: {
    readonly service: readonly string[];
    readonly virtualService: readonly string[];
    readonly destinationRule: readonly string[];
  };
  readonly meshConfig?: Partial<MeshConfig>;
  readonly service?: RecordedService;
  readonly services?: readonly RecordedService[];
  readonly virtualServices?: readonly VirtualService[];
  readonly destinationRules?: readonly DestinationRule[];
  readonly sidecar?: Sidecar;
  readonly gateway?: string;
}

/** Who sees which service, VirtualService and DestinationRule. */
export function visibilityTable(tableCase: TableCase): Verdict[] {
  const input = tableCase['input'] as RecordedInput;
  switch (tableCase.function) {
    case 'IsServiceVisible':
      return [compare(tableCase['result'], isVisible(input))];
    case 'VirtualServicesForGateway':
      return [compare(tableCase['result'], virtualServicesForGateway(input))];
    case 'destinationRule':
      return [compare(sorted(tableCase['result'] ?? []), sorted(destinationRules(input)))];
    case 'convertToSidecarScope':
      return [compare(sorted(tableCase['result']), sorted(sidecarScope(input)))];
    default:
      return [notApplicable('unknown function')];
  }
}

function isVisible({ namespace, service, exportToDefaults, meshConfig }: RecordedInput): boolean {
  if (service === undefined) return false;
  const { exportTo } = exportFields(service.exportTo, exportToDefaults.service);
  const applies = meshConfig?.serviceEntryVisibility?.['applyToSidecars'] === true;
  const visibility = (['PUBLIC', 'NAMESPACE', 'NONE'] as const)[applies ? (service.visibility ?? 0) : 0];
  return exportedTo(narrowExport(exportTo, visibility ?? 'PUBLIC', service.namespace), service.namespace, namespace);
}

function meshOf({
  meshConfig,
  exportToDefaults,
  virtualServices = [],
  destinationRules = [],
}: RecordedInput): MeshConfig {
  return {
    ...defineMeshConfig({}),
    ...meshConfig,
    virtualServices,
    destinationRules,
    defaultServiceExportTo: exportToDefaults.service,
    defaultVirtualServiceExportTo: exportToDefaults.virtualService,
    defaultDestinationRuleExportTo: exportToDefaults.destinationRule,
    // Resources of a test have no domain.
    shortNameDomain: '',
  };
}

function virtualServicesForGateway(input: RecordedInput): string[] {
  const index = new VirtualServiceIndex(meshOf(input));
  return index.forGateway(input.namespace, input.gateway ?? 'mesh').map(nameOf);
}

function nameOf({ metadata: { namespace = '', name } }: VirtualService): string {
  return `${namespace}/${name}`;
}

function destinationRules(input: RecordedInput): unknown[] {
  const { hostname = '', namespace = '' } = input.service ?? {};
  return rulesOf(new DestinationRuleIndex(meshOf(input)), input.namespace, hostname, namespace);
}

function rulesOf(index: DestinationRuleIndex, client: string, hostname: string, namespace: string): unknown[] {
  return index.candidates(client, hostname, namespace).map(({ rule, from, exportTo }) => ({
    exportTo: [...exportTo],
    from: from.map((ref) => `${ref.namespace}/${ref.name}`),
    rule,
  }));
}

function sidecarScope(input: RecordedInput): unknown {
  const { namespace, services = [], sidecar } = input;
  const mesh = meshOf(input);
  const rules = new DestinationRuleIndex(mesh);
  const registry = {
    services: new ServiceIndex(services.map((service, age) => registered(service, age, mesh))),
    virtualServices: new VirtualServiceIndex(mesh),
    destinationRules: rules,
    sidecars: [],
  };
  const scope = scopeOf(registry, mesh, { namespace, addresses: ['10.0.0.1'] }, sidecar);
  const byHost = scope.services.map(
    ({ hostname, namespace: owner }) => [hostname, rulesOf(rules, namespace, hostname, owner)] as const,
  );
  return {
    name: sidecar?.metadata.name ?? 'default-sidecar',
    services: scope.services.map(summary),
    egressListeners: scope.egress.map(({ listener, services: imported, virtualServices }) => ({
      listener: listener ?? { hosts: ['*/*'] },
      services: imported.map(summary),
      virtualServices: virtualServices.map(nameOf),
    })),
    destinationRules: Object.fromEntries(byHost.filter(([, found]) => found.length > 0)),
    outboundTrafficPolicy: { mode: scope.outboundTrafficPolicy.mode },
  };
}

const RESOLUTIONS: Readonly<Record<string, MeshService['resolution']>> = {
  ClientSide: 'CLIENT_SIDE_LB',
  DNS: 'DNS_LB',
  DNSRoundRobin: 'DNS_ROUND_ROBIN_LB',
  Passthrough: 'PASSTHROUGH',
};

/** The order of the list stands for age. */
function registered(service: RecordedService, age: number, mesh: MeshConfig): MeshService {
  const { hostname, namespace, ports, resolution, registry, exportTo } = service;
  return new RegisteredService({
    hostname,
    namespace,
    name: hostname,
    registry: registry === 'Kubernetes' ? 'Kubernetes' : 'ServiceEntry',
    defaultAddress: '0.0.0.0',
    addresses: ['0.0.0.0'],
    autoAllocatedAddresses: [],
    ports: ports.map(({ name = '', number, protocol }) => ({ name, port: number, protocol: parseProtocol(protocol) })),
    resolution: RESOLUTIONS[resolution] ?? 'CLIENT_SIDE_LB',
    meshExternal: false,
    headless: false,
    aliases: [],
    labels: {},
    subjectAltNames: [],
    ...exportFields(exportTo, mesh.defaultServiceExportTo),
    createdAt: age,
    hasSelector: false,
    ref: { kind: 'ServiceEntry', namespace, name: hostname },
  });
}

function summary({ hostname, namespace, ports }: MeshService): unknown {
  return { hostname, namespace, ports: ports.map(({ port }) => port) };
}

/** Sets such as `exportTo` have no order. */
function sorted(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (key, inner: unknown) =>
    key === 'exportTo' && Array.isArray(inner) ? [...(inner as string[])].sort() : inner,
  );
}
