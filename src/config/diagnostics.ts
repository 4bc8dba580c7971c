/** The closed list of what loading can say. A code never changes its meaning; docs/diagnostics.md has a line for each. */
import type { Diagnostic } from '../core/model/diagnostic.ts';

export interface DiagnosticEntry {
  readonly level: Diagnostic['level'];
  /** One sentence on what the code means, for the page. */
  readonly meaning: string;
}

const error = (meaning: string): DiagnosticEntry => ({ level: 'error', meaning });
const warning = (meaning: string): DiagnosticEntry => ({ level: 'warning', meaning });
const info = (meaning: string): DiagnosticEntry => ({ level: 'info', meaning });

export const diagnosticCodes = {
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

  SCL0401: error('A field does not exist in this kind.'),
  SCL0402: error('A value has the wrong type.'),
  SCL0403: error('A value is not one of those that the field takes.'),
  SCL0404: error('A field that must be given is missing.'),
  SCL0405: error('A number, a length or a count is outside its range.'),
  SCL0406: error('A string does not have the form that the field asks for.'),
  SCL0407: warning('A field is spelt in snake_case: Istio reads it, the API server does not.'),
} as const satisfies Readonly<Record<string, DiagnosticEntry>>;

export type DiagnosticCode = keyof typeof diagnosticCodes;
