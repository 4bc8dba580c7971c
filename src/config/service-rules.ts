/**
 * What the API server asks of a Service beyond its schema. Warnings only: Istio decides well without, and Services in policy
 * folders are often shortened to what matters.
 */
import type { FieldPath } from './parse-yaml.ts';
import type { ServiceFields } from './schema/service.ts';

export interface ServiceFinding {
  readonly path: FieldPath;
  readonly message: string;
}

export function checkService(spec: ServiceFields): readonly ServiceFinding[] {
  const { type, clusterIP, externalName = '', ports = [] } = spec;
  const findings: ServiceFinding[] = [];
  if (type === 'ExternalName' && externalName === '')
    findings.push({ path: ['spec'], message: 'a Service of type ExternalName needs `externalName`' });
  // A headless Service may do without ports; an alias has none of its own.
  if (type !== 'ExternalName' && clusterIP !== 'None' && ports.length === 0)
    findings.push({ path: ['spec'], message: 'a Service with an address needs ports' });
  const names = new Set(ports.map(({ name }) => name ?? ''));
  if (ports.length > 1 && (names.size < ports.length || names.has('')))
    findings.push({ path: ['spec', 'ports'], message: 'several ports need names that differ' });
  const numbers = new Set(ports.map(({ port, protocol = 'TCP' }) => `${port} ${protocol}`));
  if (numbers.size < ports.length)
    findings.push({ path: ['spec', 'ports'], message: 'two ports have the same number and protocol' });
  return findings;
}
