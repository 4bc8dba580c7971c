import type { Destination } from '../model/virtual-service.ts';

/** Names one upstream cluster of the registry. */
export interface ClusterKey {
  readonly host: string;
  readonly port: number;
  readonly subset: string;
}

/** What a route must know of the service that a destination names. */
export interface DestinationService {
  readonly ports: readonly { readonly port: number }[];
  /** Of a Kubernetes Service of type ExternalName. */
  readonly externalName?: string | undefined;
}

/** A destination without a host: Istio's name for it, which no cluster has. */
export const UNKNOWN_SERVICE = 'UnknownService';

/** `outbound|port|subset|host`. */
export function clusterName({ host, port, subset }: ClusterKey): string {
  return host === '' ? UNKNOWN_SERVICE : `outbound|${port}|${subset}|${host}`;
}

/**
 * Istio's `GetDestinationCluster`. Without a port it is that of a service with a single one, else the port at which
 * the request arrived; an alias leads to the service behind it.
 */
export function destinationCluster(
  destination: Destination,
  service: DestinationService | undefined,
  listenerPort: number,
): ClusterKey {
  const [only, second] = service?.ports ?? [];
  const implied = only !== undefined && second === undefined ? only.port : listenerPort;
  const alias = service?.externalName ?? '';
  return {
    host: destination.host !== '' && alias !== '' ? alias : destination.host,
    port: destination.port?.number ?? implied,
    subset: destination.subset ?? '',
  };
}
