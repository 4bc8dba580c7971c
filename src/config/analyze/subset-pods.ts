import type { Analysis } from './analysis.ts';
import type { Check } from './check.ts';
import { selects } from './selector.ts';
import { ServiceLookup } from './service-lookup.ts';

type Labels = Readonly<Record<string, string>>;

const TOPOLOGY = ['topology.kubernetes.io/region', 'topology.kubernetes.io/zone', 'topology.istio.io/subzone'] as const;

/** DestinationRules for hosts that nothing defines, and subsets that no pod belongs to. */
export const subsetPods: Check = {
  id: 'subset-pods',
  codes: ['IST0173', 'IST0174'],
  istio: 'destinationrule.SubsetSelectPodAnalyzer',
  run(analysis) {
    const services = new ServiceLookup(analysis);
    const pods = analysis.all('Pod').map((pod) => ({ ...pod.labels, ...nodeLabels(analysis, pod.spec.nodeName) }));
    for (const rule of analysis.all('DestinationRule')) {
      const { host = '', exportTo, subsets = [] } = rule.spec;
      const service = services.find(host, rule.namespace, exportTo);
      if (service === undefined) {
        analysis.report('IST0174', rule, `nothing defines the host ${JSON.stringify(host)}`, { field: 'spec.host' });
        continue;
      }
      for (const [index, { name, labels }] of subsets.entries()) {
        const wanted = { ...service.selector, ...labels };
        // Without any pod, nothing is known of pods.
        if (pods.length === 0 || pods.some((each) => selects(wanted, each))) continue;
        analysis.report('IST0173', rule, `no pod belongs to subset ${JSON.stringify(name)}`, {
          field: `spec.subsets[${index}].labels`,
        });
      }
    }
  },
};

/** Istio gives endpoints the place of their node. */
function nodeLabels(analysis: Analysis, nodeName = ''): Labels {
  const node = nodeName === '' ? undefined : analysis.all('Node').find(({ name }) => name === nodeName);
  if (node === undefined) return {};
  const places = TOPOLOGY.flatMap((label) =>
    (node.labels[label] ?? '') === '' ? [] : [[label, node.labels[label]] as const],
  );
  return { ...Object.fromEntries(places), 'kubernetes.io/hostname': nodeName };
}
