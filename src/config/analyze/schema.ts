import { codeOfRule } from '../validate/rule-codes.ts';
import { validateResource } from '../validate/validate-resource.ts';
import type { Check } from './check.ts';
import type { CheckCode } from './check-codes.ts';

const KINDS = [
  'VirtualService',
  'ServiceEntry',
  'DestinationRule',
  'Gateway',
  'Sidecar',
  'WorkloadEntry',
  'ProxyConfig',
] as const;

/** What the API server and the webhook say, under the codes of Istio's analyzers. */
export const schema: Check = {
  id: 'schema',
  codes: ['IST0106', 'IST0130', 'IST0131', 'IST0133'],
  istio: 'schema.ValidationAnalyzer',
  run(analysis) {
    for (const kind of KINDS) {
      for (const each of analysis.all(kind)) {
        for (const { field, level, code, message, fix } of validateResource(each.resource)) {
          analysis.report(codeOf(code, level), each, message, { field, ...(fix === undefined ? {} : { fix }) });
        }
      }
    }
  },
};

function codeOf(code: string, level: 'error' | 'warning'): CheckCode {
  if (level === 'error') return 'IST0106';
  if (code === codeOfRule('unreachableRoute')) return 'IST0130';
  return code === codeOfRule('ineffectiveMatch') ? 'IST0131' : 'IST0133';
}
