import { HostnameIndex } from '../match/hostname-index.ts';
import type { MeshConfig } from '../model/mesh-config.ts';

/**
 * Whether `serviceSettings` keep a host's traffic inside the asker's own cluster. Endpoints of ServiceEntries belong to
 * no cluster, so such a host has only those that Kubernetes gives it.
 */
export function clusterLocalHosts(mesh: MeshConfig): (hostname: string) => boolean {
  const hosts = new HostnameIndex<boolean>();
  for (const entry of mesh.serviceSettings ?? []) {
    const settings = entry['settings'];
    const isLocal =
      typeof settings === 'object' && settings !== null && 'clusterLocal' in settings && settings.clusterLocal === true;
    const names: readonly unknown[] = Array.isArray(entry['hosts']) ? entry['hosts'] : [];
    for (const name of names) if (typeof name === 'string') hosts.add(name, isLocal);
  }
  return (hostname) => hosts.get(hostname) ?? false;
}
