import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type * as z from 'zod/mini';
import { parseMeshConfig } from '../../src/config/load.ts';
import { meshConfig } from '../../src/config/schema/mesh-config.ts';
import { resourceSchemas } from '../../src/config/schema/resource.ts';
import { unsupportedFields } from '../../src/config/unsupported-fields.ts';

const src = new URL('../../src', import.meta.url).pathname;

/** What decides and what carries decisions out. */
const sources = ['core/compile', 'core/decide', 'core/match', 'upstream', 'adapters', 'telemetry', '.']
  .flatMap((folder) =>
    readdirSync(join(src, folder))
      .filter((name) => name.endsWith('.ts'))
      .map((name) => readFileSync(join(src, folder, name), 'utf8')),
  )
  .join('\n');

const words = new Set(sources.match(/\w+/g));

/** Paths of all fields of a schema that no source names; what lies under such a field is left out. */
function unnamed(schema: z.core.$ZodType, path: string): string[] {
  const { def } = schema._zod as unknown as { readonly def: Record<string, z.core.$ZodType | undefined> };
  const inner = def['innerType'] ?? def['element'] ?? def['valueType'];
  if (inner !== undefined) return unnamed(inner, path);
  return Object.entries((def['shape'] ?? {}) as Record<string, z.core.$ZodType>).flatMap(([name, field]) =>
    words.has(name) ? unnamed(field, `${path}.${name}`) : [`${path}.${name}`],
  );
}

/** Fields that change nothing about what leaves a workload, or that Istio's sidecar ignores as well. */
const WITHOUT_EFFECT = [
  /^VirtualService\.spec\.http\.fault\.delay\.exponentialDelay$/, // refused: Istio does not support it
  /^VirtualService\.spec\.http\.fault\.abort\.http2Error$/, // refused: Istio does not support it
  /^VirtualService\.spec\.http\.mirror_percent$/, // read as mirrorPercent
  /^VirtualService\.spec\.http\.match\.statPrefix$/, // names of statistics
  /^VirtualService\.spec\.tcp\.match\.sourceSubnet$/, // Istio ignores it
  /\.outlierDetection\.consecutiveErrors$/, // Istio ignores it
  /^Gateway\.spec\.servers\.(?:tls\.\w+|defaultEndpoint)$/, // inbound of a gateway
  /^Sidecar\.spec\.(?:ingress|inboundConnectionPool)/, // inbound
  /^MeshConfig\.(?:protocolDetectionTimeout|dnsRefreshRate)$/, // nothing is detected or refreshed in a process
  /^MeshConfig\.(?:outboundClusterStatName|inboundClusterStatName|extensionProviders)$/, // names of statistics, definitions
  /^MeshConfig\.disableEnvoyListenerLog$/, // there is no listener of its own
  /^MeshConfig\.(?:ingress\w+|inbound\w+|defaultInbound\w+|config\w+|ca\w*|certificates|thriftConfig|mesh\w+|tlsDefaults)$/,
  /^MeshConfig\.(?:enable\w+|disable\w+|verify\w+|serviceScopeConfigs|policy\w+|mixer\w+|authPolicy|rds\w+|sds\w+|report\w+)$/,
  /^MeshConfig\.sidecarToTelemetrySessionAffinity$/,
];

const kinds = ['ServiceEntry', 'VirtualService', 'DestinationRule', 'Gateway', 'Sidecar', 'WorkloadEntry'];

describe('fields that are not honoured', () => {
  const all = [
    ...kinds.flatMap((kind) => unnamed(resourceSchemas[kind]?.().shape['spec'] as z.core.$ZodType, `${kind}.spec`)),
    ...unnamed(meshConfig(), 'MeshConfig'),
  ];
  const listed = (path: string): boolean =>
    unsupportedFields.some(
      ({ kind, names }) =>
        path.startsWith(`${kind}.`) && (path.endsWith(names.join('.')) || path === `${kind}.${names[0] ?? ''}`),
    );

  it.each(all.filter((path) => !listed(path)))('%s, which no source names, has no effect on egress', (path) => {
    expect(WITHOUT_EFFECT.some((pattern) => pattern.test(path))).toBe(true);
  });

  it('are told of at load, at their places', () => {
    const { diagnostics } = parseMeshConfig(`localityLbSetting: { failover: [{ from: a, to: b }] }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: api }
spec:
  host: api.example.com
  subsets:
    - name: v1
      trafficPolicy:
        loadBalancer: { simple: ROUND_ROBIN, warmup: { duration: 10s } }
        connectionPool: { http: { maxConcurrentStreams: 5 } }
`);
    expect(
      diagnostics
        .filter(({ code }) => code === 'SCL0331')
        .map(({ field, message, location }) => [field, message, location?.line]),
    ).toEqual([
      [
        'MeshConfig localityLbSetting.failover',
        'a sidecar decides by this field which endpoint of several is taken; here it has no effect',
        1,
      ],
      [
        'spec.subsets[0].trafficPolicy.loadBalancer.warmup',
        'a sidecar decides by this field which endpoint of several is taken; here it has no effect',
        11,
      ],
      [
        'spec.subsets[0].trafficPolicy.connectionPool.http.maxConcurrentStreams',
        'a sidecar decides by this field how HTTP/2 connections are kept; here it has no effect',
        12,
      ],
    ]);
  });

  it('are those of a connection pool that say how long a connection is kept', () => {
    const { diagnostics } = parseMeshConfig(`tcpKeepalive: { time: 10s }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: api }
spec:
  host: api.example.com
  trafficPolicy:
    connectionPool:
      tcp: { idleTimeout: 5s, maxConnectionDuration: 60s, tcpKeepalive: { time: 10s } }
      http: { idleTimeout: 5s, maxRequestsPerConnection: 10 }
`);
    expect(diagnostics.filter(({ code }) => code === 'SCL0331').map(({ field }) => field)).toEqual([
      'MeshConfig tcpKeepalive',
      'spec.trafficPolicy.connectionPool.tcp.maxConnectionDuration',
      'spec.trafficPolicy.connectionPool.tcp.tcpKeepalive',
      'spec.trafficPolicy.connectionPool.http.idleTimeout',
      'spec.trafficPolicy.connectionPool.http.maxRequestsPerConnection',
    ]);
  });
});
