import { describe, expect, it } from 'vitest';
import type { Connection, HttpRequest } from '../../../src/core/model/connection.ts';
import { decide, parseMeshConfig } from '../../../src/index.ts';

const OBJECTS = [
  { outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } },
  ...['plain.example.com', 'routed.example.com', '*.wild.example.com'].map((host, index) => ({
    apiVersion: 'networking.istio.io/v1',
    kind: 'ServiceEntry',
    metadata: { name: `entry-${index}`, namespace: 'default' },
    spec: {
      hosts: [host],
      ports: [
        { number: 80, name: 'http', protocol: 'HTTP' },
        { number: 443, name: 'tls', protocol: 'TLS' },
      ],
      resolution: host.startsWith('*') ? 'NONE' : 'DNS',
    },
  })),
  {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'routed', namespace: 'default' },
    spec: {
      hosts: ['routed.example.com'],
      http: [
        {
          match: [{ uri: { prefix: '/plain' } }],
          route: [{ destination: { host: 'plain.example.com', port: { number: 80 } } }],
        },
        { timeout: '2s', route: [{ destination: { host: 'routed.example.com', port: { number: 80 } } }] },
      ],
    },
  },
];

const REQUESTS: readonly (HttpRequest | undefined)[] = [
  undefined,
  { method: 'GET', path: '/', headers: {} },
  { method: 'GET', path: '/plain/a?b=c', headers: { accept: '*/*' } },
  { method: 'GET', path: '/a//../b', headers: {} },
  { method: 'GET', path: 'http://plain.example.com/', headers: {} },
  { method: 'GET', path: '/\u0001', headers: {} },
  { method: 'CONNECT', path: '/', headers: {} },
  { method: 'BREW', path: '/', headers: {} },
  { method: 'POST', path: '/', headers: { 'content-type': 'application/grpc' } },
  { method: 'GET', path: '/', headers: { Host: 'plain.example.com' } },
  { method: 'GET', path: '/', headers: { host: 'plain.example.com:80' } },
  { method: 'GET', path: '/', headers: { host: 'routed.example.com:443', accept: '*/*' } },
  { method: 'GET', path: '/plain', headers: { host: 'routed.example.com' } },
  { method: 'GET', path: '/', headers: { 'X-Envoy-Max-Retries': '3' } },
  { method: 'GET', path: '/', headers: { connection: 'upgrade', upgrade: 'tls/1.0' } },
];

function connections(): Connection[] {
  const hosts = [
    'plain.example.com',
    'routed.example.com',
    'a.wild.example.com',
    'unknown.example.com',
    'PLAIN.example.com',
  ];
  const made: Connection[] = [];
  for (const host of hosts) {
    for (const request of REQUESTS) {
      for (const authority of [undefined, host, 'plain.example.com', `${host}:80`]) {
        made.push({ host, port: 80, ...(request && { request }), ...(authority !== undefined && { authority }) });
      }
      made.push({ host, port: 80, protocol: 'grpc', ...(request && { request }) });
      made.push({ host, port: 443, transport: 'tls', ...(request && { request }) });
      for (const authority of [host, `${host}:443`, `${host}:`, 'plain.example.com', 'routed.example.com:443']) {
        for (const protocol of ['http1', 'http2'] as const) {
          const inside = { transport: 'tls', protocol, authority, sni: host.toLowerCase() } as const;
          made.push({ host, port: 443, ...inside, ...(request && { request }) });
        }
      }
    }
    for (const sni of [host, 'plain.example.com']) made.push({ host, port: 443, transport: 'tls', sni });
    made.push({ host, port: 443, transport: 'tls', alpn: ['istio'] }, { host, address: '203.0.113.7', port: 443 });
    made.push({ host, port: 80, protocol: 'tcp' }, { host, port: 9999 }, { host, port: 0 });
  }
  return made;
}

describe('remembered decisions', () => {
  it.each(['first to last', 'last to first'])('are what a policy that was never asked answers (%s)', (order) => {
    const asked = parseMeshConfig(OBJECTS);
    const questions = order === 'first to last' ? connections() : connections().reverse();
    for (let round = 0; round < 2; round += 1) for (const connection of questions) decide(connection, asked);
    for (const connection of questions) {
      expect(decide(connection, asked)).toEqual(decide(connection, parseMeshConfig(OBJECTS)));
    }
  });

  it('stay few: thousands of hosts are answered like one', () => {
    const asked = parseMeshConfig(OBJECTS);
    for (let call = 0; call < 80_000; call += 1) {
      const host = `h${call}.wild.example.com`;
      expect(decide({ host, port: 443, transport: 'tls' }, asked).action === 'allow' || host).toBe(true);
    }
  });
});
