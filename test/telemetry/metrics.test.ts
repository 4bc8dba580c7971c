import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import { channelObserver, CHANNELS } from '../../src/telemetry/channels.ts';
import { EgressMetrics } from '../../src/telemetry/metrics.ts';
import { answered, denied, refused, stopped } from './exchange.ts';

const mesh = { workload: { namespace: 'shop', name: 'web-1', labels: { app: 'web' } } };

describe("Istio's standard metrics", () => {
  it('tell of a request to a ServiceEntry', () => {
    const metrics = new EgressMetrics(mesh);
    metrics.onEnd(answered());
    metrics.onEnd(answered());
    const [sample] = metrics.values('istio_requests_total');
    expect(sample?.value).toBe(2);
    expect(sample?.labels).toMatchObject({
      reporter: 'source',
      source_workload: 'web-1',
      source_workload_namespace: 'shop',
      source_canonical_service: 'web',
      source_canonical_revision: 'latest',
      destination_service: 'api.example.com',
      destination_service_name: 'api.example.com',
      destination_service_namespace: 'shop',
      destination_workload: 'api',
      request_protocol: 'http',
      response_code: '200',
      grpc_response_status: '',
      response_flags: '-',
      connection_security_policy: 'unknown',
    });
  });

  it('tell of refusals without naming hosts that nobody declared', () => {
    const metrics = new EgressMetrics(mesh);
    for (const name of ['a', 'b', 'c'])
      metrics.onEnd(stopped(denied, { connection: { host: name, port: 80, authority: name } }));
    expect(metrics.values('istio_requests_total')).toHaveLength(1);
    expect(metrics.values('istio_requests_total')[0]?.labels).toMatchObject({
      destination_service: 'unknown',
      destination_service_name: 'BlackHoleCluster',
      response_code: '502',
    });
  });

  it('name a bounded number of unknown hosts when asked to', () => {
    const metrics = new EgressMetrics(mesh, { unknownHosts: 2 });
    for (const name of ['a', 'b', 'c', 'd', 'a'])
      metrics.onEnd(stopped(denied, { connection: { host: name, port: 80, authority: name } }));
    const services = metrics.values('istio_requests_total').map(({ labels }) => labels['destination_service']);
    expect(services).toEqual(['a', 'b', 'unknown']);
  });

  it('tell of connections and their bytes', () => {
    const metrics = new EgressMetrics(mesh);
    metrics.onEnd(stopped(refused, { bytesReceived: 3 }));
    for (const name of ['opened', 'closed'])
      expect(metrics.values(`istio_tcp_connections_${name}_total`)).toHaveLength(1);
    expect(metrics.values('istio_tcp_received_bytes_total')[0]).toMatchObject({
      value: 3,
      labels: { request_protocol: 'tcp', response_flags: 'UH', destination_service_name: 'BlackHoleCluster' },
    });
  });

  it('count decisions by reason, and what report mode let pass', () => {
    const metrics = new EgressMetrics(mesh);
    metrics.onDecision(stopped(denied, { wouldDeny: true }));
    metrics.event('policy_updates');
    expect(metrics.text()).toBe(`# HELP sidecarless_decisions_total Decisions by action and reason.
# TYPE sidecarless_decisions_total counter
sidecarless_decisions_total{action="deny",reason="no_service_entry",seam="http"} 1
# HELP sidecarless_would_deny_total What report mode let pass and enforce mode would refuse.
# TYPE sidecarless_would_deny_total counter
sidecarless_would_deny_total{reason="no_service_entry"} 1
# HELP sidecarless_events_total Failures inside the guard, and policy updates.
# TYPE sidecarless_events_total counter
sidecarless_events_total{event="policy_updates"} 1
`);
  });

  it('have cumulative histogram buckets that end in +Inf', () => {
    const metrics = new EgressMetrics(mesh);
    metrics.onEnd(answered());
    const lines = metrics
      .text()
      .split('\n')
      .filter((line) => line.startsWith('istio_request_duration_milliseconds'));
    expect(lines.at(-3)).toMatch(/_bucket\{.*,le="\+Inf"\} 1$/);
    expect(lines.find((line) => line.includes('le="25"'))).toMatch(/ 0$/);
    expect(lines.find((line) => line.includes('le="50"'))).toMatch(/ 1$/);
    expect(lines.at(-2)).toMatch(/_sum\{.*\} 40$/);
  });

  it('escape label values', () => {
    const metrics = new EgressMetrics({ workload: { namespace: 'a"b\\c\nd' } });
    metrics.onEnd(answered());
    expect(metrics.text()).toContain('source_workload_namespace="a\\"b\\\\c\\nd"');
  });
});

describe('diagnostics channels', () => {
  it('publish decisions, denials and ends', () => {
    const seen: string[] = [];
    const listen = (_: unknown, name: string | symbol): void => void seen.push(String(name));
    for (const name of Object.values(CHANNELS)) subscribe(name, listen);
    channelObserver.onDecision?.(stopped(denied));
    channelObserver.onDecision?.(answered());
    channelObserver.onEnd(answered());
    for (const name of Object.values(CHANNELS)) unsubscribe(name, listen);
    expect(seen).toEqual([CHANNELS.decision, CHANNELS.denied, CHANNELS.decision, CHANNELS.end]);
  });
});
