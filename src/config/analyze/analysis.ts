import type { Diagnostic } from '../../core/model/diagnostic.ts';
import type { DestinationRuleSpec } from '../../core/model/destination-rule.ts';
import type { GatewaySpec } from '../../core/model/gateway.ts';
import type { ResourceRef, SourceLocation } from '../../core/model/resource.ts';
import type { KubernetesServiceSpec } from '../../core/model/service.ts';
import type { ServiceEntrySpec } from '../../core/model/service-entry.ts';
import type { SidecarSpec } from '../../core/model/sidecar.ts';
import type { WorkloadEntrySpec } from '../../core/model/workload-entry.ts';
import type { VirtualServiceSpec } from '../../core/model/virtual-service.ts';
import { type CheckCode, checkCodes } from './check-codes.ts';

type Labels = Readonly<Record<string, string>>;

/** A resource as it was written. What stands beside `metadata` in its kind may be in `spec` or beside it. */
export interface AnalyzedResource {
  readonly kind: string;
  readonly apiVersion?: string;
  readonly metadata?: {
    readonly name?: string;
    readonly namespace?: string;
    readonly labels?: Labels;
    readonly annotations?: Labels;
  };
  readonly spec?: unknown;
  readonly source?: SourceLocation;
  /** Where a field stands; the empty path is the resource itself. */
  locate?(field: string): SourceLocation | undefined;
}

/** Kubernetes objects that only checks look at. */
export interface SecretFields {
  readonly data?: Labels;
  readonly stringData?: Labels;
  readonly type?: string;
}

interface SpecOfKind {
  readonly ServiceEntry: ServiceEntrySpec;
  readonly VirtualService: VirtualServiceSpec;
  readonly DestinationRule: DestinationRuleSpec;
  readonly Gateway: GatewaySpec;
  readonly Sidecar: SidecarSpec;
  readonly WorkloadEntry: WorkloadEntrySpec;
  readonly ProxyConfig: object;
  readonly Service: KubernetesServiceSpec;
  readonly Pod: { readonly nodeName?: string };
  readonly Node: object;
  readonly Namespace: object;
  readonly RequestAuthentication: { readonly selector?: { readonly matchLabels?: Labels } };
}

/** Where a kind must come from: other projects have a Gateway and a Service, too. */
const GROUPS: Readonly<Record<keyof SpecOfKind | 'Secret' | 'KubernetesGateway', string>> = {
  ServiceEntry: 'networking.istio.io',
  VirtualService: 'networking.istio.io',
  DestinationRule: 'networking.istio.io',
  Gateway: 'networking.istio.io',
  Sidecar: 'networking.istio.io',
  WorkloadEntry: 'networking.istio.io',
  ProxyConfig: 'networking.istio.io',
  RequestAuthentication: 'security.istio.io',
  Service: '',
  Pod: '',
  Node: '',
  Namespace: '',
  Secret: '',
  KubernetesGateway: 'gateway.networking.k8s.io',
};

/** One resource of a kind, with what checks ask of it. */
export interface Analyzed<Spec> {
  readonly name: string;
  /** Empty where the resource does not say it. */
  readonly namespace: string;
  /** `namespace/name`, or the name alone. */
  readonly fullName: string;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly spec: Spec;
  readonly resource: AnalyzedResource;
}

export interface MeshSettings {
  readonly clusterDomain?: string;
  readonly rootNamespace?: string;
  readonly defaultConfig?: { readonly proxyMetadata?: Labels };
}

/** The resources of one run, and what was found. */
export class Analysis {
  readonly diagnostics: Diagnostic[] = [];
  readonly mesh: MeshSettings;
  readonly #resources: readonly AnalyzedResource[];
  readonly #byKind = new Map<string, readonly Analyzed<unknown>[]>();

  constructor(resources: readonly AnalyzedResource[], mesh: MeshSettings = {}) {
    this.#resources = resources;
    this.mesh = mesh;
  }

  /** In the order in which they were given. */
  all<Kind extends keyof SpecOfKind>(kind: Kind): readonly Analyzed<SpecOfKind[Kind]>[] {
    return this.#ofKind(kind, kind) as readonly Analyzed<SpecOfKind[Kind]>[];
  }

  find<Kind extends keyof SpecOfKind>(kind: Kind, fullName: string): Analyzed<SpecOfKind[Kind]> | undefined {
    return this.all(kind).find((each) => each.fullName === fullName);
  }

  /** Their data stand beside `metadata`. */
  secrets(): readonly Analyzed<SecretFields>[] {
    return this.#ofKind('Secret', 'Secret').map((secret) => ({
      ...secret,
      spec: { ...(secret.resource as SecretFields) },
    }));
  }

  /** Gateways of the Kubernetes Gateway API. */
  kubernetesGateways(): readonly Analyzed<KubernetesGatewayFields>[] {
    return this.#ofKind('KubernetesGateway', 'Gateway') as readonly Analyzed<KubernetesGatewayFields>[];
  }

  report(
    code: CheckCode,
    resource: Analyzed<unknown>,
    message: string,
    more: { readonly field?: string; readonly fix?: string } = {},
  ): void {
    const source = resource.resource.locate?.(more.field ?? '') ?? resource.resource.source;
    this.diagnostics.push({
      code,
      level: checkCodes[code].level,
      message,
      resource: refOf(resource),
      ...(source === undefined ? {} : { location: source }),
      ...more,
    });
  }

  #ofKind(key: keyof typeof GROUPS, kind: string): readonly Analyzed<unknown>[] {
    const known = this.#byKind.get(key);
    if (known !== undefined) return known;
    const found = this.#resources.filter((each) => each.kind === kind && groupOf(each) === GROUPS[key]).map(analyzed);
    this.#byKind.set(key, found);
    return found;
  }
}

export interface KubernetesGatewayFields {
  readonly listeners?: readonly { readonly hostname?: string }[];
}

function groupOf({ kind, apiVersion }: AnalyzedResource): string {
  // Resources built in code need not say it; then they are of the kind that is meant here.
  if (apiVersion === undefined) return GROUPS[kind as keyof typeof GROUPS] ?? '';
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? '' : apiVersion.slice(0, slash);
}

function analyzed(resource: AnalyzedResource): Analyzed<unknown> {
  const { name = '', namespace = '', labels = {}, annotations = {} } = resource.metadata ?? {};
  const fullName = namespace === '' ? name : `${namespace}/${name}`;
  return { name, namespace, fullName, labels, annotations, spec: resource.spec ?? {}, resource };
}

function refOf({ name, namespace, resource }: Analyzed<unknown>): ResourceRef {
  const ref = { kind: resource.kind, namespace, name };
  return resource.source === undefined ? ref : { ...ref, source: resource.source };
}
