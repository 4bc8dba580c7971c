import { HostnameIndex } from '../match/hostname-index.ts';
import { expandShortName } from '../match/hostname.ts';
import type { DestinationRule, DestinationRuleSpec } from '../model/destination-rule.ts';
import type { MeshConfig } from '../model/mesh-config.ts';
import type { ResourceRef } from '../model/resource.ts';
import { compareAge, labelsMatch, namespaceOf, refOf } from './age.ts';
import type { MergedDestinationRule } from './compiled.ts';

/** A rule and what was merged into it; kept apart from rules of the same host that are exported to others. */
interface ConsolidatedRule {
  rule: DestinationRule;
  readonly from: ResourceRef[];
  readonly exportTo: ReadonlySet<string>;
}

/** The rules of one namespace. */
class HostRules {
  readonly byHost = new Map<string, ConsolidatedRule[]>();
  readonly index = new HostnameIndex<ConsolidatedRule[]>();
}

type RuleSettings = Pick<
  MeshConfig,
  'destinationRules' | 'defaultDestinationRuleExportTo' | 'rootNamespace' | 'clusterDomain' | 'shortNameDomain'
>;

/** All DestinationRules of a mesh, merged by namespace and host. */
export class DestinationRuleIndex {
  readonly #rootNamespace: string;
  /** By namespace: what clients of that namespace look at first. */
  readonly #local = new Map<string, HostRules>();
  /** By namespace: what others may see. */
  readonly #exported = new Map<string, HostRules>();
  /** Rules of the root namespace that are for itself alone. */
  readonly #rootLocal = new HostRules();

  constructor(mesh: RuleSettings) {
    this.#rootNamespace = mesh.rootNamespace;
    const domain = mesh.shortNameDomain ?? mesh.clusterDomain;
    for (const rule of [...mesh.destinationRules].sort(compareRules)) {
      const namespace = namespaceOf(rule);
      const host = expandShortName(rule.spec.host, namespace, domain);
      const exportTo: ReadonlySet<string> = new Set(hasSelector(rule) ? ['.'] : (rule.spec.exportTo ?? []));
      if (exportTo.size === 0 || ['*', '.', namespace].some((entry) => exportTo.has(entry))) {
        merge(hostsOf(this.#local, namespace), host, rule, exportTo);
      }
      if (!isPrivate(exportTo, namespace, mesh.defaultDestinationRuleExportTo)) {
        merge(hostsOf(this.#exported, namespace), host, rule, exportTo);
      } else if (namespace === mesh.rootNamespace) {
        merge(this.#rootLocal, host, rule, exportTo);
      }
    }
  }

  /**
   * The rules that clients of `clientNamespace` get for a host of `serviceNamespace`: of their own namespace, else of
   * the service's, else of the root namespace. The first namespace with a rule that fits decides, as a whole.
   */
  candidates(
    clientNamespace: string,
    hostname: string,
    serviceNamespace: string,
  ): readonly {
    readonly rule: DestinationRule;
    readonly from: readonly ResourceRef[];
    readonly exportTo: ReadonlySet<string>;
  }[] {
    const own = clientNamespace === this.#rootNamespace ? this.#rootLocal : this.#local.get(clientNamespace);
    const found = own?.index.get(hostname);
    if (found !== undefined) return found;
    for (const namespace of [serviceNamespace, this.#rootNamespace]) {
      const exported = (this.#exported.get(namespace)?.index.get(hostname) ?? []).filter(
        ({ exportTo }) => exportTo.size === 0 || exportTo.has('*') || exportTo.has(clientNamespace),
      );
      if (exported.length > 0) return exported;
    }
    return [];
  }

  /** The one rule for a workload: of those whose selector fits it, the first; else the last without a selector. */
  forWorkload(
    client: { readonly namespace: string; readonly labels?: Readonly<Record<string, string>> },
    hostname: string,
    serviceNamespace: string,
  ): MergedDestinationRule | undefined {
    let catchAll: ConsolidatedRule | undefined;
    for (const candidate of this.candidates(client.namespace, hostname, serviceNamespace) as ConsolidatedRule[]) {
      const { rule } = candidate;
      if (!hasSelector(rule)) catchAll = candidate;
      else if (
        namespaceOf(rule) === client.namespace &&
        labelsMatch(rule.spec.workloadSelector?.matchLabels, client.labels)
      ) {
        return asMerged(candidate);
      }
    }
    return catchAll === undefined ? undefined : asMerged(catchAll);
  }
}

function asMerged({ rule, from }: ConsolidatedRule): MergedDestinationRule {
  return { rule, ref: refOf(rule), from };
}

function hasSelector({ spec }: DestinationRule): boolean {
  return spec.workloadSelector !== undefined;
}

function hostsOf(namespaces: Map<string, HostRules>, namespace: string): HostRules {
  const held = namespaces.get(namespace);
  if (held !== undefined) return held;
  const created = new HostRules();
  namespaces.set(namespace, created);
  return created;
}

/** Rules with a selector first, then oldest first. */
function compareRules(a: DestinationRule, b: DestinationRule): number {
  return Number(hasSelector(b)) - Number(hasSelector(a)) || compareAge(a, b);
}

function isPrivate(exportTo: ReadonlySet<string>, namespace: string, meshDefault: readonly string[]): boolean {
  if (exportTo.size === 0) return meshDefault.includes('.');
  return exportTo.size === 1 && (exportTo.has('.') || exportTo.has(namespace));
}

/**
 * Adds a rule to those of its host. It flows into every rule that is exported to the same namespaces, and into those
 * exported to fewer, beside which it then also stands for itself.
 */
function merge(rules: HostRules, host: string, rule: DestinationRule, exportTo: ReadonlySet<string>): void {
  const held = rules.byHost.get(host);
  const alone = (): ConsolidatedRule => ({ rule, from: [refOf(rule)], exportTo });
  if (held === undefined) {
    const first = [alone()];
    rules.byHost.set(host, first);
    rules.index.add(host, first);
    return;
  }
  let standsAlone = true;
  for (const existing of held) {
    const same = isSuperset(exportTo, existing.exportTo) && exportTo.size === existing.exportTo.size;
    standsAlone = !same;
    if (!same && (existing.exportTo.size === 0 || !isSuperset(exportTo, existing.exportTo))) continue;
    const selectors = [existing.rule, rule].filter(hasSelector).length;
    if (selectors === 2 && !sameSelector(existing.rule, rule)) {
      standsAlone = true;
      continue;
    }
    if (selectors !== 1) standsAlone = false;
    existing.rule = { ...existing.rule, spec: mergeSpecs(existing.rule.spec, rule.spec) };
    existing.from.push(refOf(rule));
  }
  if (standsAlone) held.push(alone());
}

function isSuperset(set: ReadonlySet<string>, subset: ReadonlySet<string>): boolean {
  for (const entry of subset) if (!set.has(entry)) return false;
  return true;
}

function sameSelector(a: DestinationRule, b: DestinationRule): boolean {
  const left = a.spec.workloadSelector?.matchLabels ?? {};
  const right = b.spec.workloadSelector?.matchLabels ?? {};
  return labelsMatch(left, right) && labelsMatch(right, left);
}

/** Subsets are united, of the same name the first; a trafficPolicy is taken over only where there is none. */
function mergeSpecs(base: DestinationRuleSpec, added: DestinationRuleSpec): DestinationRuleSpec {
  const names = new Set((base.subsets ?? []).map(({ name }) => name));
  const subsets = [...(base.subsets ?? []), ...(added.subsets ?? []).filter(({ name }) => !names.has(name))];
  const trafficPolicy = base.trafficPolicy ?? added.trafficPolicy;
  return {
    ...base,
    ...(subsets.length === 0 ? {} : { subsets }),
    ...(trafficPolicy === undefined ? {} : { trafficPolicy }),
  };
}
