import type * as z from 'zod/mini';
import { formatFieldPath } from '../field-path.ts';
import { schemaProblems } from '../schema-problems.ts';
import { destinationRuleSpec } from '../schema/destination-rule.ts';
import { gatewaySpec } from '../schema/gateway.ts';
import { proxyConfigSpec } from '../schema/proxy-config.ts';
import { serviceEntrySpec } from '../schema/service-entry.ts';
import { sidecarSpec } from '../schema/sidecar.ts';
import { virtualServiceSpec } from '../schema/virtual-service.ts';
import { workloadEntrySpec } from '../schema/workload-entry.ts';
import { validateDestinationRule } from './destination-rule.ts';
import { validateGateway } from './gateway.ts';
import { validateAnnotations } from './annotations.ts';
import { type Problem, Report } from './problem.ts';
import { validateProxyConfig } from './proxy-config.ts';
import { validateServiceEntry } from './service-entry.ts';
import { validateSidecar } from './sidecar.ts';
import { validateVirtualService } from './virtual-service.ts';
import { validateWorkloadEntry } from './workload-entry.ts';

export type { Problem } from './problem.ts';

/** A resource as it was written, before anything is known of its form. */
export interface UncheckedResource {
  readonly apiVersion?: string;
  readonly kind: string;
  readonly metadata?: {
    readonly name?: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: unknown;
}

interface CheckedMetadata {
  readonly name: string | undefined;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

interface KindRules {
  readonly schema: () => z.ZodMiniType;
  readonly validate: (report: Report, spec: unknown, metadata: CheckedMetadata) => void;
}

function kindRules<Schema extends z.ZodMiniType>(
  schema: () => Schema,
  validate: (report: Report, spec: z.infer<Schema>, metadata: CheckedMetadata) => void,
): KindRules {
  return { schema, validate: (report, spec, metadata) => validate(report, spec as z.infer<Schema>, metadata) };
}

/** Istio marks what it makes from resources of the Gateway API, which follow looser rules. */
const GATEWAY_SEMANTICS = 'internal.istio.io/gateway-semantics';
const ROUTE_SEMANTICS = 'internal.istio.io/route-semantics';

const rulesOfKind: Readonly<Record<string, KindRules>> = {
  ServiceEntry: kindRules(serviceEntrySpec, (report, spec, { namespace, labels }) =>
    validateServiceEntry(report, spec, namespace, labels),
  ),
  VirtualService: kindRules(virtualServiceSpec, (report, spec, { namespace, annotations }) =>
    validateVirtualService(report, spec, namespace, annotations[ROUTE_SEMANTICS] === 'gateway'),
  ),
  DestinationRule: kindRules(destinationRuleSpec, (report, spec, { namespace }) =>
    validateDestinationRule(report, spec, namespace),
  ),
  Gateway: kindRules(gatewaySpec, (report, spec, { name, annotations }) =>
    validateGateway(report, spec, name, annotations[GATEWAY_SEMANTICS] === 'gateway'),
  ),
  Sidecar: kindRules(sidecarSpec, (report, spec, { namespace }) => validateSidecar(report, spec, namespace)),
  WorkloadEntry: kindRules(workloadEntrySpec, (report, spec) =>
    validateWorkloadEntry(report, 'spec', spec, { allowNames: true }),
  ),
  ProxyConfig: kindRules(proxyConfigSpec, (report, spec) => validateProxyConfig(report, spec)),
};

/**
 * What the API server (CRD schema and CEL rules) and Istio's admission webhook say of a resource. An error means that
 * a cluster would refuse it. Other kinds give no problems. An absent namespace is `default`.
 */
export function validateResource(resource: UncheckedResource): Problem[] {
  const rules = rulesOfKind[resource.kind];
  if (rules === undefined) return [];
  const structure = schemaProblems(resource.spec ?? undefined, rules.schema());
  if (structure.length === 0) return validateWellFormed(resource);
  return structure.map(({ path, code, message, fix }) => ({
    field: formatFieldPath(['spec', ...path]),
    level: 'error',
    code,
    message,
    ...(fix === undefined ? {} : { fix }),
  }));
}

/** The webhook alone, for a resource that has the form its schema asks for. */
export function validateWellFormed(resource: UncheckedResource): Problem[] {
  const report = new Report();
  const { name, namespace = 'default', labels = {}, annotations = {} } = resource.metadata ?? {};
  validateAnnotations(report, resource.kind, annotations);
  rulesOfKind[resource.kind]?.validate(report, resource.spec, { name, namespace, labels, annotations });
  return report.problems;
}
