import type { Destination, VirtualServiceSpec } from '../../core/model/virtual-service.ts';

export interface PlacedDestination {
  readonly destination: Partial<Destination>;
  readonly field: string;
  readonly mirror: boolean;
}

/** Every destination of a VirtualService; one that lacks its block has no host. */
export function destinationsOf(spec: VirtualServiceSpec): PlacedDestination[] {
  const placed: PlacedDestination[] = [];
  for (const protocol of ['tcp', 'tls', 'http'] as const) {
    for (const [index, { route = [] }] of (spec[protocol] ?? []).entries()) {
      for (const [position, each] of route.entries()) {
        const { destination = {} } = each as { readonly destination?: Partial<Destination> };
        placed.push({ destination, field: `spec.${protocol}[${index}].route[${position}].destination`, mirror: false });
      }
    }
  }
  for (const [index, { mirror, mirrors = [] }] of (spec.http ?? []).entries()) {
    if (mirror !== undefined) placed.push({ destination: mirror, field: `spec.http[${index}].mirror`, mirror: true });
    for (const [position, { destination }] of mirrors.entries()) {
      placed.push({ destination, field: `spec.http[${index}].mirrors[${position}].destination`, mirror: true });
    }
  }
  return placed;
}
