import type { MeshConfig } from '../core/model/mesh-config.ts';
import type { Decision } from '../core/model/decision.ts';
import type { Exchange, ExchangeObserver } from './exchange.ts';
import { destinationLabels, grpcStatusOf, requestProtocol, responseCodeOf, sourceLabels } from './metrics-labels.ts';
import type { Labels } from './metrics-labels.ts';
import { Counter, Histogram, labelSet } from './metrics-series.ts';
import type { LabelSet } from './metrics-series.ts';

export interface MetricsOptions {
  /**
   * How many different hosts that no service knows may appear as `destination_service` before further ones are told as
   * `unknown`. Istio sets no limit, which lets whoever chooses a URL fill a metrics store; the default here is 0.
   */
  readonly unknownHosts?: number;
}

/** A counter of something that is no exchange. */
export type EventName = 'seam_failures' | 'observer_failures' | 'policy_updates' | 'policy_update_failures';

/** Decisions are shared by many exchanges, and so are their labels. */
class KnownLabels {
  /** By seam. */
  readonly decided = new Map<string, LabelSet>();
  readonly ended = new Map<string, LabelSet>();
  latest:
    | (Pick<Exchange, 'responseCode' | 'responseFlags' | 'destination'> & {
        readonly protocol: string;
        readonly labels: LabelSet;
      })
    | undefined = undefined;
}

/**
 * Istio's standard metrics of a source proxy, in memory, and a few of our own. `text()` is Prometheus's exposition.
 */
export class EgressMetrics implements ExchangeObserver {
  readonly #source: Labels;
  readonly #unknownHosts: number;
  readonly #hosts = new Set<string>();
  readonly #known = new WeakMap<Decision, KnownLabels>();
  readonly #requests = new Counter('istio_requests_total', 'Requests, at their end.');
  readonly #durations = new Histogram('istio_request_duration_milliseconds', 'Duration of requests in milliseconds.');
  readonly #requestBytes = new Histogram('istio_request_bytes', 'Bytes of request bodies.');
  readonly #responseBytes = new Histogram('istio_response_bytes', 'Bytes of response bodies.');
  readonly #opened = new Counter('istio_tcp_connections_opened_total', 'Connections opened.');
  readonly #closed = new Counter('istio_tcp_connections_closed_total', 'Connections closed.');
  readonly #received = new Counter('istio_tcp_received_bytes_total', 'Bytes that the application sent.');
  readonly #sent = new Counter('istio_tcp_sent_bytes_total', 'Bytes that the application got.');
  readonly #decisions = new Counter('sidecarless_decisions_total', 'Decisions by action and reason.');
  readonly #wouldDeny = new Counter(
    'sidecarless_would_deny_total',
    'What report mode let pass and enforce mode would refuse.',
  );
  readonly #events = new Counter('sidecarless_events_total', 'Failures inside the guard, and policy updates.');

  constructor(mesh: Pick<MeshConfig, 'workload'>, options: MetricsOptions = {}) {
    this.#source = sourceLabels(mesh.workload);
    this.#unknownHosts = options.unknownHosts ?? 0;
  }

  onDecision(exchange: Exchange): void {
    const { action, reason } = exchange.decision;
    const { decided } = this.#knownOf(exchange.decision);
    let labels = decided.get(exchange.seam);
    if (labels === undefined) decided.set(exchange.seam, (labels = labelSet({ action, reason, seam: exchange.seam })));
    this.#decisions.add(labels);
    if (exchange.wouldDeny === true) this.#wouldDeny.add(labelSet({ reason }));
  }

  onOpen(exchange: Exchange): void {
    if (isCounted(exchange)) this.#opened.add(this.#labels(exchange));
  }

  onEnd(exchange: Exchange): void {
    if (!isCounted(exchange)) return;
    const labels = this.#labels(exchange);
    if (exchange.layer === 'http') {
      this.#requests.add(labels);
      this.#durations.observe(labels, Math.max(0, (exchange.endedAt ?? exchange.start) - exchange.start));
      this.#requestBytes.observe(labels, exchange.bytesReceived);
      this.#responseBytes.observe(labels, exchange.bytesSent);
      return;
    }
    // A connection that came to nothing reached no upstream, yet a sidecar counts it: it did accept it.
    if (exchange.opened !== true) this.#opened.add(labels);
    this.#closed.add(labels);
    this.#received.add(labels, exchange.bytesReceived);
    this.#sent.add(labels, exchange.bytesSent);
  }

  event(name: EventName): void {
    this.#events.add(labelSet({ event: name }));
  }

  /** Prometheus text exposition format, version 0.0.4. */
  text(): string {
    return this.#all.map((metric) => metric.text()).join('');
  }

  /** Values of one metric by its labels, for tests and for other exporters. */
  values(name: string): readonly { readonly labels: Labels; readonly value: number }[] {
    return this.#all.find((metric) => metric.name === name)?.values() ?? [];
  }

  get #all(): readonly (Counter | Histogram)[] {
    return [
      this.#requests,
      this.#durations,
      this.#requestBytes,
      this.#responseBytes,
      this.#opened,
      this.#closed,
      this.#received,
      this.#sent,
      this.#decisions,
      this.#wouldDeny,
      this.#events,
    ];
  }

  #knownOf(decision: Decision): KnownLabels {
    let known = this.#known.get(decision);
    if (known === undefined) this.#known.set(decision, (known = new KnownLabels()));
    return known;
  }

  /** Most requests end as the one before did. */
  #labels(exchange: Exchange): LabelSet {
    const known = this.#knownOf(exchange.decision);
    const protocol = requestProtocol(exchange);
    const { responseCode, responseFlags, destination } = exchange;
    const { latest } = known;
    const isPlain = protocol !== 'grpc' && this.#unknownHosts === 0;
    if (
      isPlain &&
      latest?.protocol === protocol &&
      latest.responseCode === responseCode &&
      latest.responseFlags === responseFlags &&
      latest.destination === destination
    )
      return latest.labels;
    const key = [
      protocol,
      responseCode,
      responseFlags,
      destination?.cluster,
      protocol === 'grpc' ? grpcStatusOf(exchange) : '',
      this.#unknownHosts > 0 ? exchange.connection.authority : '',
    ].join(' ');
    let labels = known.ended.get(key);
    if (labels === undefined) known.ended.set(key, (labels = this.#compute(exchange, protocol)));
    if (isPlain) known.latest = { protocol, responseCode, responseFlags, destination, labels };
    return labels;
  }

  #compute(exchange: Exchange, protocol: string): LabelSet {
    return labelSet({
      ...this.#source,
      ...destinationLabels(exchange, (host) => this.#admitHost(host)),
      request_protocol: protocol,
      response_flags: exchange.responseFlags === '' ? '-' : exchange.responseFlags,
      connection_security_policy: 'unknown',
      ...(exchange.layer === 'http' ? responseCodeOf(exchange) : {}),
    });
  }

  #admitHost(host: string): string {
    if (this.#hosts.has(host)) return host;
    if (this.#hosts.size >= this.#unknownHosts) return 'unknown';
    this.#hosts.add(host);
    return host;
  }
}

/** What a sidecar never sees is not counted, nor are connections whose requests are. */
function isCounted({ decision, carriesRequests, opened }: Exchange): boolean {
  return decision.reason !== 'not_captured' && (carriesRequests !== true || opened === true);
}
