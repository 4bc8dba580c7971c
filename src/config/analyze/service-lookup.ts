import type { Analysis } from './analysis.ts';
import { annotationScopes, completeHost, scopedHost, scopedHostText } from './scoped-host.ts';

/** What is known of a host that a resource can lead to. */
export interface KnownService {
  readonly ports: readonly { readonly number: number; readonly protocol: string }[];
  readonly selector: Readonly<Record<string, string>>;
}

const EXPORT_ANNOTATION = 'networking.istio.io/exportTo';

/** Hosts of ServiceEntries and Services, by who sees them. */
export class ServiceLookup {
  readonly #byScopedHost = new Map<string, KnownService>();
  readonly #wildcards: { readonly scope: string; readonly suffix: string; readonly service: KnownService }[] = [];
  readonly #clusterDomain: string | undefined;

  constructor(analysis: Analysis) {
    this.#clusterDomain = analysis.mesh.clusterDomain;
    for (const { namespace, spec } of analysis.all('ServiceEntry')) {
      const ports = (spec.ports ?? []).map(({ number, protocol = '' }) => ({ number, protocol }));
      const service = { ports, selector: spec.workloadSelector?.labels ?? {} };
      const scopes = (spec.exportTo ?? []).length === 0 ? ['*'] : (spec.exportTo ?? []);
      for (const host of spec.hosts ?? []) {
        for (const scope of scopes) this.#add(scope === '.' ? namespace : scope, host, namespace, service);
      }
    }
    for (const { name, namespace, annotations, spec } of analysis.all('Service')) {
      const ports = (spec.ports ?? []).map(({ port, protocol = '' }) => ({ number: port, protocol }));
      // A Service's pods are looked for by the subset's labels alone.
      for (const scope of annotationScopes(annotations[EXPORT_ANNOTATION] ?? '', namespace)) {
        this.#add(scope, name, namespace, { ports, selector: {} });
      }
    }
  }

  #add(scope: string, host: string, namespace: string, service: KnownService): void {
    const scoped = scopedHost(scope, host, namespace, this.#clusterDomain);
    this.#byScopedHost.set(scopedHostText(scoped), service);
    if (scoped.host.startsWith('*')) this.#wildcards.push({ scope, suffix: scoped.host.slice(1), service });
  }

  /** The service that a resource of `namespace`, exported to `exportTo`, means by `host`. */
  find(host: string, namespace: string, exportTo: readonly string[] = []): KnownService | undefined {
    const everywhere = this.#at('*', host, namespace);
    if (everywhere !== undefined) return everywhere;
    const scopes = exportTo.length === 0 ? [namespace] : exportTo.map((entry) => (entry === '.' ? namespace : entry));
    for (const scope of scopes) {
      const service = this.#at(scope, host, namespace);
      if (service !== undefined) return service;
    }
    const name = host.startsWith('*') ? host.slice(1) : host;
    return this.#wildcards.find(({ scope, suffix }) => (scope === '*' || scope === namespace) && name.endsWith(suffix))
      ?.service;
  }

  #at(scope: string, host: string, namespace: string): KnownService | undefined {
    return this.#byScopedHost.get(`${scope}/${completeHost(host, namespace, this.#clusterDomain)}`);
  }
}
