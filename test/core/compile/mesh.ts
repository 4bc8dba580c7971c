/** Small meshes for tests: resources with a namespace and a spec, everything else as Istio's defaults. */
import { defineMeshConfig } from '../../../src/config/load.ts';
import type { MeshConfig } from '../../../src/core/model/mesh-config.ts';
import type { ObjectMeta } from '../../../src/core/model/resource.ts';
import type { ServiceEntrySpec } from '../../../src/core/model/service-entry.ts';

type Literal = Parameters<typeof defineMeshConfig>[0];

export function mesh(literal: Literal): MeshConfig {
  return defineMeshConfig(literal);
}

/** `namespace/name`, and its age in minutes: 0 is the oldest. */
export function meta(path: string, minute?: number, more: Partial<ObjectMeta> = {}): ObjectMeta {
  const [namespace = 'default', name = 'x'] = path.split('/');
  const at = minute === undefined ? {} : { creationTimestamp: new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString() };
  return { name, namespace, ...at, ...more };
}

const HTTP_PORT = { number: 80, name: 'http', protocol: 'HTTP' } as const;

/** A ServiceEntry of one host with an HTTP port, resolved by DNS. */
export function entry(path: string, host: string, spec: Partial<ServiceEntrySpec> = {}, minute?: number) {
  return {
    metadata: meta(path, minute),
    spec: { hosts: [host], ports: [HTTP_PORT], resolution: 'DNS', ...spec },
  } as const;
}

export function names(services: readonly { readonly namespace: string; readonly name: string }[]): string[] {
  return services.map(({ namespace, name }) => `${namespace}/${name}`);
}
