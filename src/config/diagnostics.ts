/**
 * The closed list of what loading can say by itself; what the rules of a cluster say is in validate/rule-codes.ts. A code never
 * changes its meaning; docs/diagnostics.md has a line for each.
 */
import type { Diagnostic } from '../core/model/diagnostic.ts';
import type { RuleCode } from './validate/rule-codes.ts';

export interface DiagnosticEntry {
  readonly level: Diagnostic['level'];
  /** One sentence on what the code means, for the page. */
  readonly meaning: string;
}

const error = (meaning: string): DiagnosticEntry => ({ level: 'error', meaning });
const warning = (meaning: string): DiagnosticEntry => ({ level: 'warning', meaning });
const info = (meaning: string): DiagnosticEntry => ({ level: 'info', meaning });

export const loadingCodes = {
  SCL0101: error('The text is not YAML.'),
  SCL0102: error('A key stands twice in one map.'),
  SCL0103: error('An alias stands inside its own anchor.'),
  SCL0104: error('A text or a document is larger than the limit.'),
  SCL0105: error('Maps and lists are nested deeper than the limit.'),
  SCL0106: error('There are more aliases, or more values behind them, than the limit.'),
  SCL0107: error('A key would reach an object’s prototype: `__proto__`, `constructor`, `prototype`.'),
  SCL0108: error('YAML that JSON cannot say: a key that is no string, infinity, an unknown tag.'),

  SCL0201: error('The file or directory does not exist.'),
  SCL0202: error('The directory holds no YAML or JSON file.'),
  SCL0203: error('The files hold no mesh resource and no MeshConfig.'),
  SCL0204: error('The file could not be read.'),

  SCL0301: error('The document is neither a Kubernetes resource nor a known shape of MeshConfig.'),
  SCL0302: error('The kind is read, but not in this apiVersion.'),
  SCL0303: error('Two documents define the same resource.'),
  SCL0304: error('Two documents define MeshConfig.'),
  SCL0305: info('The kind has no part in egress decisions; the resource was left aside.'),
  SCL0306: warning('The kind can change egress in a cluster, and is not read here.'),
  SCL0307: warning('The name of a resource or of a namespace is not a DNS name.'),
  SCL0308: warning('A Kubernetes Service lacks what its type needs, or has ports that cannot be told apart.'),

  SCL0311: warning('A VirtualService is for a host that nothing defines.'),
  SCL0312: warning('A route leads to a host that nothing defines.'),
  SCL0313: warning('A VirtualService names a Gateway that nothing defines.'),

  SCL0321: warning('A field that MeshConfig does not have. Istio lets it go.'),
  SCL0322: warning('A name that Istio does not know and reads as the default.'),
  SCL0323: warning('A Helm value that Istio no longer reads; it is honoured here.'),
  SCL0324: error('A field that MeshConfig does not have, and that looks like one it has: Istio would run without it.'),

  SCL0331: warning('A field that a sidecar honours, and that has no effect here.'),

  SCL0341: error('A value says what is captured, and Istio would refuse it.'),
  SCL0342: warning('Several pods say different things about what is captured.'),

  SCL0407: warning('A field is spelt in snake_case: Istio reads it, the API server does not.'),
} as const satisfies Readonly<Record<string, DiagnosticEntry>>;

export type LoadingCode = keyof typeof loadingCodes;
export type DiagnosticCode = LoadingCode | RuleCode;

/** The level of a loading code. Rules say theirs with each finding: one rule may refuse here and warn there. */
export function levelOf(code: DiagnosticCode): Diagnostic['level'] {
  return (loadingCodes as Readonly<Partial<Record<DiagnosticCode, DiagnosticEntry>>>)[code]?.level ?? 'error';
}
