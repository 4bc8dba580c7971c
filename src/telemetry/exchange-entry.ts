import type { UpstreamCluster } from '../core/model/decision.ts';
import { joinAddress } from './access-log-address.ts';
import type { AccessLogEntry, HeaderLookup, MetadataValue, TimePoint } from './access-log-entry.ts';
import type { Exchange } from './exchange.ts';
import { rawLookup, RequestHeaders } from './exchange-headers.ts';

/**
 * An exchange as an access log entry. Getters only: a format pays for what it prints.
 *
 * What a process sees is told in the words of a sidecar: downstream is the application, so its address is the process's
 * own end, and the downstream local address is what the application dialled. Where that was never resolved, because the
 * name was refused, the name itself stands there.
 */
export class ExchangeEntry implements AccessLogEntry {
  readonly #exchange: Exchange;
  #requestHeaders: HeaderLookup | undefined = undefined;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  get type(): AccessLogEntry['type'] {
    return this.#exchange.layer === 'http' ? 'DownstreamEnd' : 'TcpConnectionEnd';
  }

  get shared(): object | undefined {
    return this.#exchange.shared;
  }

  get startTime(): number {
    return this.#exchange.startTime;
  }

  get emitTime(): number | undefined {
    const { startTime, start, endedAt } = this.#exchange;
    return endedAt === undefined ? undefined : startTime + (endedAt - start);
  }

  get duration(): number {
    return Math.max(0, Math.floor((this.#exchange.endedAt ?? this.#exchange.start) - this.#exchange.start));
  }

  get timePoints(): Partial<Record<TimePoint, number>> {
    const { start, requestSentAt, firstByteAt, endedAt } = this.#exchange;
    const points: Partial<Record<TimePoint, number>> = {};
    const put = (at: number | undefined, ...names: TimePoint[]): void => {
      if (at !== undefined) for (const name of names) points[name] = Math.round((at - start) * 1_000_000);
    };
    if (this.#exchange.layer === 'tcp') {
      put(start, 'DS_CX_BEG');
      put(endedAt, 'DS_CX_END');
      return points;
    }
    put(requestSentAt, 'DS_RX_END', 'US_TX_END');
    put(firstByteAt, 'US_RX_BEG', 'DS_TX_BEG');
    put(endedAt, 'DS_TX_END');
    if (firstByteAt !== undefined) put(endedAt, 'US_RX_END');
    return points;
  }

  get protocol(): string | undefined {
    if (this.#exchange.layer === 'tcp') return undefined;
    const known = this.#exchange.connection.protocol;
    return this.#exchange.protocol ?? (known === 'http2' || known === 'grpc' ? 'HTTP/2' : 'HTTP/1.1');
  }

  get upstreamProtocol(): string | undefined {
    return this.#answered ? this.protocol : undefined;
  }

  get method(): string | undefined {
    return this.#exchange.request?.method ?? this.#exchange.connection.request?.method;
  }

  get scheme(): string | undefined {
    return this.#exchange.connection.request?.scheme;
  }

  get path(): string | undefined {
    return this.#exchange.request?.path ?? this.#exchange.connection.request?.path;
  }

  get originalPath(): string | undefined {
    const asked = this.#exchange.connection.request?.path;
    return asked === this.path ? undefined : asked;
  }

  get authority(): string | undefined {
    if (this.#exchange.layer === 'tcp') return undefined;
    return this.#exchange.request?.authority ?? this.#exchange.connection.authority;
  }

  get originalAuthority(): string | undefined {
    const asked = this.#exchange.layer === 'tcp' ? undefined : this.#exchange.connection.authority;
    return asked === this.authority ? undefined : asked;
  }

  get requestHeaders(): HeaderLookup | undefined {
    const { connection, destination } = this.#exchange;
    if (connection.request === undefined) return undefined;
    return (this.#requestHeaders ??= new RequestHeaders(connection.request, destination?.requestHeaders ?? []));
  }

  get responseCode(): number {
    return this.#exchange.responseCode;
  }

  get responseCodeDetails(): string | undefined {
    return this.#exchange.responseCodeDetails;
  }

  get responseFlags(): string {
    return this.#exchange.responseFlags;
  }

  get connectionTerminationDetails(): string | undefined {
    return this.#exchange.connectionTerminationDetails;
  }

  get responseHeaders(): HeaderLookup | undefined {
    return rawLookup(this.#exchange.responseHeaders);
  }

  get responseTrailers(): HeaderLookup | undefined {
    return rawLookup(this.#exchange.responseTrailers);
  }

  get grpcStatus(): number | undefined {
    const { connection } = this.#exchange;
    if (connection.protocol !== 'grpc' && !this.requestHeaders?.get('content-type')?.startsWith('application/grpc'))
      return undefined;
    if (this.responseCode === 0) return undefined;
    const status = this.responseTrailers?.get('grpc-status') ?? this.responseHeaders?.get('grpc-status');
    return status !== undefined && /^\d+$/.test(status) ? Number(status) : 2;
  }

  get upstreamServiceTime(): number | undefined {
    const { firstByteAt, requestSentAt, start } = this.#exchange;
    if (firstByteAt === undefined || !this.#answered) return undefined;
    return Math.max(0, Math.floor(firstByteAt - (requestSentAt ?? start)));
  }

  get bytesReceived(): number {
    return this.#exchange.bytesReceived;
  }

  get bytesSent(): number {
    return this.#exchange.bytesSent;
  }

  get upstreamHost(): string | undefined {
    return this.#exchange.upstreamHost;
  }

  get upstreamHostName(): string | undefined {
    return this.#upstream?.endpoints.find((endpoint) => endpoint.host !== '')?.host ?? this.upstreamHost;
  }

  get upstreamCluster(): string | undefined {
    if (this.#exchange.responseFlags.includes('NC')) return undefined;
    return (this.#exchange.destination?.cluster ?? this.#exchange.decision.cluster) || undefined;
  }

  get upstreamLocalAddress(): string | undefined {
    return this.#answered || this.#exchange.layer === 'tcp' ? this.#exchange.localAddress : undefined;
  }

  get upstreamRemoteAddress(): string | undefined {
    return this.#exchange.localAddress === undefined ? undefined : this.#exchange.upstreamHost;
  }

  get upstreamRequestAttemptCount(): number {
    return this.#exchange.attempts;
  }

  get upstreamTransportFailureReason(): string | undefined {
    return this.#exchange.upstreamTransportFailureReason?.replace(/\s/g, '_');
  }

  get downstreamLocalAddress(): string | undefined {
    const { upstreamHost, led, connection } = this.#exchange;
    if (upstreamHost !== undefined && led !== true) return upstreamHost;
    const host = connection.address ?? connection.host;
    return host === undefined ? undefined : joinAddress(host, connection.port);
  }

  get downstreamRemoteAddress(): string | undefined {
    return this.#exchange.localAddress;
  }

  get downstreamDirectLocalAddress(): string | undefined {
    return this.downstreamLocalAddress;
  }

  get downstreamDirectRemoteAddress(): string | undefined {
    return this.#exchange.localAddress;
  }

  get requestedServerName(): string | undefined {
    return this.#exchange.requestedServerName ?? this.#exchange.connection.sni;
  }

  get routeName(): string | undefined {
    return this.#exchange.decision.routeName;
  }

  get filterChainName(): string | undefined {
    return this.#exchange.decision.filterChain;
  }

  get streamId(): string | undefined {
    return this.requestHeaders?.get('x-request-id');
  }

  /** What Istio puts there: the service, and the DestinationRule's path. */
  get clusterMetadata(): Readonly<Record<string, MetadataValue>> | undefined {
    const upstream = this.#upstream;
    if (upstream?.service === undefined) return undefined;
    const { name, namespace } = upstream.service;
    const config =
      upstream.destinationRule === undefined
        ? {}
        : { config: configPath(upstream.destinationRule, 'destination-rule') };
    return { istio: { services: [{ host: upstream.host, name, namespace }], ...config } };
  }

  get routeMetadata(): Readonly<Record<string, MetadataValue>> | undefined {
    const { virtualService } = this.#exchange.decision;
    return virtualService === undefined
      ? undefined
      : { istio: { config: configPath(virtualService, 'virtual-service') } };
  }

  attribute(operator: string): string | number | undefined {
    const { attempts, tlsVersion, tlsCipher, upstreamHost } = this.#exchange;
    switch (operator) {
      case 'UPSTREAM_TLS_VERSION':
        return tlsVersion;
      case 'UPSTREAM_TLS_CIPHER':
        return tlsCipher;
      case 'UPSTREAM_SERVER_NAME':
        return tlsVersion === undefined ? undefined : this.requestedServerName;
      case 'UPSTREAM_HOSTS_ATTEMPTED':
        return attempts === 0 ? undefined : upstreamHost;
      default:
        return undefined;
    }
  }

  get #upstream(): UpstreamCluster | undefined {
    return this.#exchange.destination?.upstream;
  }

  /** An upstream was reached: not a local reply, not a refused connection. */
  get #answered(): boolean {
    return this.#exchange.upstreamHost !== undefined && this.#exchange.localAddress !== undefined;
  }
}

function configPath(ref: { readonly namespace: string; readonly name: string }, kind: string): string {
  return `/apis/networking.istio.io/v1alpha3/namespaces/${ref.namespace}/${kind}/${ref.name}`;
}
