import type { AllowDecision, Decision, DenyDecision, UpstreamCluster } from '../../src/core/model/decision.ts';
import type { Exchange } from '../../src/telemetry/exchange.ts';

const upstream: UpstreamCluster = {
  name: 'outbound|80||api.example.com',
  host: 'api.example.com',
  port: 80,
  subset: '',
  type: 'STRICT_DNS',
  endpoints: [{ host: 'api.example.com', port: 80 }],
  connectTimeoutMs: 10_000,
  loadBalancer: 'LEAST_REQUEST',
  service: { kind: 'ServiceEntry', namespace: 'shop', name: 'api' },
  external: true,
};

export const allowed: AllowDecision = {
  action: 'allow',
  via: 'registry',
  reason: 'registry',
  cluster: upstream.name,
  routeName: 'default',
  determinedBy: [],
  seenAs: 'http',
  destinations: [{ cluster: upstream.name, weight: 1, upstream }],
};

export const denied: DenyDecision = {
  action: 'deny',
  reason: 'no_service_entry',
  cluster: '',
  routeName: 'block_all',
  determinedBy: [],
  seenAs: 'http',
  responseFlags: '',
  localReply: { status: 502 },
};

export const refused: DenyDecision = {
  action: 'deny',
  reason: 'no_service_entry',
  cluster: 'BlackHoleCluster',
  determinedBy: [],
  seenAs: 'tcp',
  responseFlags: 'UH',
};

/** A request to api.example.com that was answered with 200. */
export function answered(changes: Partial<Exchange> = {}): Exchange {
  return {
    connection: {
      host: 'api.example.com',
      port: 80,
      authority: 'api.example.com',
      request: { method: 'GET', path: '/a?key=secret', headers: { 'User-Agent': 'curl/8', 'X-Request-Id': ['r1'] } },
    },
    decision: allowed,
    destination: allowed.destinations[0],
    seam: 'http',
    layer: 'http',
    startTime: Date.UTC(2026, 7, 1, 12),
    start: 1000,
    requestSentAt: 1002,
    firstByteAt: 1030.5,
    endedAt: 1040,
    responseCode: 200,
    responseFlags: '',
    responseCodeDetails: 'via_upstream',
    responseHeaders: ['Content-Type', 'text/plain'],
    bytesReceived: 0,
    bytesSent: 5,
    attempts: 1,
    upstreamHost: '192.0.2.1:80',
    localAddress: '10.0.0.9:40000',
    ...changes,
  };
}

/** A connection or request that was not let go. */
export function stopped(decision: Decision, changes: Partial<Exchange> = {}): Exchange {
  const http = decision.seenAs === 'http';
  return {
    connection: { host: 'evil.example', port: 443, authority: 'evil.example' },
    decision,
    seam: http ? 'http' : 'net',
    layer: http ? 'http' : 'tcp',
    startTime: Date.UTC(2026, 7, 1, 12),
    start: 1000,
    endedAt: 1000,
    responseCode: http ? 502 : 0,
    responseFlags: decision.action === 'deny' ? decision.responseFlags : '',
    bytesReceived: 0,
    bytesSent: 0,
    attempts: 0,
    ...changes,
  };
}
