/**
 * What the API server asks beyond its schemas. Warnings only: Istio decides well without, and resources in policy folders are
 * often shortened to what matters.
 */
import type { ObjectMeta } from '../core/model/resource.ts';
import type { FieldPath } from './parse-yaml.ts';
import type { ServiceFields } from './schema/service.ts';

export interface KubernetesFinding {
  readonly code: 'SCL0307' | 'SCL0308';
  readonly path: FieldPath;
  readonly message: string;
}

const LABEL = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;

export function checkNames({ name, namespace = '' }: ObjectMeta): readonly KubernetesFinding[] {
  const findings: KubernetesFinding[] = [];
  const finding = (field: string, message: string): void => {
    findings.push({ code: 'SCL0307', path: ['metadata', field], message });
  };
  if (name.length > 253 || !SUBDOMAIN.test(name)) finding('name', 'a name is a DNS name in lower case');
  if (namespace !== '' && (namespace.length > 63 || !LABEL.test(namespace)))
    finding('namespace', 'a namespace is a DNS label in lower case');
  return findings;
}

export function checkService(spec: ServiceFields): readonly KubernetesFinding[] {
  const { type, clusterIP, externalName = '', ports = [] } = spec;
  const findings: KubernetesFinding[] = [];
  const finding = (path: FieldPath, message: string): void => {
    findings.push({ code: 'SCL0308', path, message });
  };
  if (type === 'ExternalName' && externalName === '')
    finding(['spec'], 'a Service of type ExternalName needs `externalName`');
  // A headless Service may do without ports; an alias has none of its own.
  if (type !== 'ExternalName' && clusterIP !== 'None' && ports.length === 0)
    finding(['spec'], 'a Service with an address needs ports');
  const names = new Set(ports.map(({ name }) => name ?? ''));
  if (ports.length > 1 && (names.size < ports.length || names.has('')))
    finding(['spec', 'ports'], 'several ports need names that differ');
  const numbers = new Set(ports.map(({ port, protocol = 'TCP' }) => `${port} ${protocol}`));
  if (numbers.size < ports.length) finding(['spec', 'ports'], 'two ports have the same number and protocol');
  return findings;
}
