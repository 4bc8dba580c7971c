import { isTls } from '../../core/match/protocol.ts';
import type { Check } from './check.ts';
import { HostIndex } from './host-index.ts';
import { completeHost } from './scoped-host.ts';

/** HTTP routes for ports whose bytes are TLS: a sidecar cannot see the requests. */
export const httpOnTlsPort: Check = {
  id: 'http-on-tls-port',
  codes: ['SCL2008'],
  run(analysis) {
    const hosts = new HostIndex(analysis);
    for (const virtualService of analysis.all('VirtualService')) {
      const { gateways = [], hosts: own = [], http = [] } = virtualService.spec;
      if (http.length === 0 || (gateways.length > 0 && !gateways.includes('mesh'))) continue;
      for (const [index, host] of own.entries()) {
        const full = completeHost(host, virtualService.namespace, analysis.mesh.clusterDomain).toLowerCase();
        const ports = hosts.ports(full) ?? [];
        if (ports.length === 0 || !ports.every(({ protocol }) => isTls(protocol))) continue;
        analysis.report(
          'SCL2008',
          virtualService,
          `${host} has TLS ports only; a sidecar ignores the http routes for it`,
          {
            field: `spec.hosts[${index}]`,
            fix: 'use tls routes; or send plaintext and originate TLS with a DestinationRule; or keep tlsRequests: govern, which applies http routes to https requests of this process',
          },
        );
      }
      for (const [index, { match = [] }] of http.entries()) {
        for (const [position, { port = 0 }] of match.entries()) {
          const ports = own.flatMap(
            (host) =>
              hosts.ports(completeHost(host, virtualService.namespace, analysis.mesh.clusterDomain).toLowerCase()) ??
              [],
          );
          const meant = ports.filter(({ number }) => number === port);
          const plaintext = ports.some(({ protocol }) => !isTls(protocol));
          if (meant.length === 0 || !plaintext || !meant.every(({ protocol }) => isTls(protocol))) continue;
          analysis.report('SCL2008', virtualService, `port ${port} carries TLS; a sidecar never uses this match`, {
            field: `spec.http[${index}].match[${position}].port`,
            fix: 'use a tls route for the port',
          });
        }
      }
    }
  },
};
