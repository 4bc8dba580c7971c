import type { AnalyzedResource } from './analysis.ts';
import type { Check } from './check.ts';

/** TCP ports that nothing but the port number tells apart. */
export const serviceEntryAddress: Check = {
  id: 'service-entry-address',
  codes: ['IST0134'],
  istio: 'serviceentry.Analyzer',
  run(analysis) {
    const { proxyMetadata = {} } = analysis.mesh.defaultConfig ?? {};
    const on = (name: string): boolean => proxyMetadata[name] === 'true';
    const allocates =
      on('ISTIO_META_DNS_CAPTURE') && (on('ISTIO_META_DNS_AUTO_ALLOCATE') || on('PILOT_ENABLE_IP_AUTOALLOCATE'));
    for (const entry of allocates ? [] : analysis.all('ServiceEntry')) {
      if (entry.spec.addresses !== undefined || hasAllocated(entry.resource)) continue;
      for (const [index, { number, protocol = '' }] of (entry.spec.ports ?? []).entries()) {
        if (protocol !== '' && protocol.toUpperCase() !== 'TCP') continue;
        analysis.report('IST0134', entry, `port ${number} is TCP, and the entry has no addresses`, {
          field: `spec.ports[${index}]`,
          fix: 'set addresses, or a protocol that carries the host',
        });
      }
    }
  },
};

/** Addresses that the control plane wrote into the status. */
function hasAllocated(resource: AnalyzedResource): boolean {
  const { status } = resource as { readonly status?: { readonly addresses?: readonly unknown[] } };
  return (status?.addresses ?? []).length > 0;
}
