import { hostMatches, isWildcard } from '../match/hostname.ts';
import type { VirtualService } from '../model/virtual-service.ts';

interface Ranked {
  readonly rank: number;
  readonly virtualService: VirtualService;
}

const NONE: readonly VirtualService[] = Object.freeze([]);

/**
 * The VirtualServices with `tls` or `tcp` routes, by host. A VirtualService acts on a service when their hosts overlap
 * in either direction, whatever the namespaces.
 */
export class VirtualServicesByHost {
  readonly #all: readonly Ranked[];
  readonly #exact = new Map<string, Ranked[]>();
  readonly #wildcards = new Map<string, Ranked[]>();

  /** In order of precedence. */
  constructor(virtualServices: readonly VirtualService[]) {
    this.#all = virtualServices
      .filter(({ spec }) => (spec.tls?.length ?? 0) + (spec.tcp?.length ?? 0) > 0)
      .map((virtualService, rank) => ({ rank, virtualService }));
    for (const ranked of this.#all) {
      for (const host of ranked.virtualService.spec.hosts ?? []) {
        const groups = isWildcard(host) ? this.#wildcards : this.#exact;
        const group = groups.get(host);
        if (group === undefined) groups.set(host, [ranked]);
        else group.push(ranked);
      }
    }
  }

  /** Those that act on a service, in order of precedence. */
  get(hostname: string): readonly VirtualService[] {
    if (this.#all.length === 0) return NONE;
    const found = isWildcard(hostname) ? this.#overlapping(hostname) : this.#covering(hostname);
    return found.size === 0 ? NONE : [...found].sort((a, b) => a.rank - b.rank).map((ranked) => ranked.virtualService);
  }

  #overlapping(hostname: string): Set<Ranked> {
    const overlaps = ({ virtualService }: Ranked) =>
      virtualService.spec.hosts?.some((host) => hostMatches(host, hostname)) ?? false;
    return new Set(this.#all.filter(overlaps));
  }

  #covering(hostname: string): Set<Ranked> {
    const found = new Set<Ranked>(this.#exact.get(hostname));
    for (const [host, group] of this.#wildcards) {
      if (hostMatches(host, hostname)) for (const ranked of group) found.add(ranked);
    }
    return found;
  }
}
