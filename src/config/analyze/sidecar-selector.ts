import type { SidecarSpec } from '../../core/model/sidecar.ts';
import type { Analysis, Analyzed } from './analysis.ts';
import type { Check } from './check.ts';
import { selects, selectorText } from './selector.ts';

type Sidecar = Analyzed<SidecarSpec>;
type Pod = Analyzed<object>;

/** Sidecars that select no pod, or pods that another selects, too. */
export const sidecarSelector: Check = {
  id: 'sidecar-selector',
  codes: ['IST0101', 'IST0110', 'IST0111', 'IST0167'],
  istio: 'sidecar.SelectorAnalyzer',
  run(analysis) {
    const selecting = analysis.all('Sidecar').filter((sidecar) => !isDefault(sidecar));
    const pods = new Map(selecting.map((sidecar) => [sidecar, podsOf(analysis, sidecar)]));
    for (const [sidecar, selected] of pods) {
      if (selected.length === 0 && analysis.all('Pod').length > 0) {
        analysis.report(
          'IST0101',
          sidecar,
          `no pod of the namespace has the labels ${selectorText(sidecar.spec.workloadSelector?.labels)}`,
          {
            field: 'spec.workloadSelector.labels',
          },
        );
      }
      const ambient = selected.find((pod) => isAmbient(analysis, pod));
      if (ambient !== undefined) reportAmbient(analysis, sidecar, `pod ${ambient.name} has no sidecar`);
      const others = [...pods].filter(
        ([other, theirs]) => other !== sidecar && theirs.some((pod) => selected.includes(pod)),
      );
      if (others.length === 0) continue;
      const names = others.map(([{ name }]) => name).join(', ');
      analysis.report('IST0110', sidecar, `selects pods that ${names} selects, too`, {
        fix: 'let each pod have one Sidecar',
      });
    }
    checkDefaults(analysis);
  },
};

function checkDefaults(analysis: Analysis): void {
  const defaults = analysis.all('Sidecar').filter(isDefault);
  for (const sidecar of defaults) {
    const others = defaults.filter((other) => other !== sidecar && other.namespace === sidecar.namespace);
    if (others.length > 0) {
      const names = others.map(({ name }) => name).join(', ');
      analysis.report('IST0111', sidecar, `has no workloadSelector, and neither has ${names}`, {
        fix: 'keep one default Sidecar for the namespace',
      });
    }
    const namespace = analysis.all('Namespace').find(({ name }) => name === sidecar.namespace);
    if (namespace !== undefined && isAmbientNamespace(namespace.labels))
      reportAmbient(analysis, sidecar, 'the namespace is in ambient mode');
  }
}

function reportAmbient(analysis: Analysis, sidecar: Sidecar, why: string): void {
  analysis.report('IST0167', sidecar, `has no effect: ${why}`);
}

function isDefault({ spec }: Sidecar): boolean {
  return Object.keys(spec.workloadSelector?.labels ?? {}).length === 0;
}

function podsOf(analysis: Analysis, { namespace, spec }: Sidecar): readonly Pod[] {
  return analysis
    .all('Pod')
    .filter((pod) => pod.namespace === namespace && selects(spec.workloadSelector?.labels, pod.labels));
}

/** Injection of sidecars, by label of the namespace, wins over ambient mode. */
function isAmbientNamespace(labels: Readonly<Record<string, string>>): boolean {
  if (labels['istio-injection'] === 'enabled' || labels['istio.io/rev'] !== undefined) return false;
  return labels['istio.io/dataplane-mode'] === 'ambient';
}

function isAmbient(analysis: Analysis, pod: Pod): boolean {
  if (pod.annotations['sidecar.istio.io/status'] !== undefined) return false;
  const own = pod.labels['istio.io/dataplane-mode'];
  if (own !== undefined) return own === 'ambient';
  const namespace = analysis.all('Namespace').find(({ name }) => name === pod.namespace);
  return namespace !== undefined && isAmbientNamespace(namespace.labels);
}
