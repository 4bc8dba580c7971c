import { describe, expect, it } from 'vitest';
import {
  compareSpecificity,
  expandShortName,
  hostMatches,
  hostsForNamespace,
  hostSubsetOf,
  intersectHosts,
  isWildcard,
  moreSpecific,
  mostSpecificHostMatch,
  resolveGatewayName,
} from '../../../src/core/match/hostname.ts';
import { factsOf, readFacts } from './facts.ts';

const facts = readFacts('hostnames');

interface Pair {
  readonly receiver: string;
  readonly o: string;
}

/** Every recorded input of one of Istio's functions, and what ours makes of it. */
function agree<Input>(name: string, ours: (input: Input) => unknown): void {
  it(name, () => {
    const recorded = factsOf(facts, name);
    expect(recorded.length).toBeGreaterThan(0);
    for (const { input, result } of recorded) expect([input, ours(input as Input)]).toEqual([input, result]);
  });
}

describe('agrees with what Istio answers', () => {
  agree<{ receiver: string }>('Name.IsWildCarded', (input) =>
    isWildcard(typeof input === 'string' ? input : input.receiver),
  );
  agree<Pair>('Name.Matches', ({ receiver, o }) => hostMatches(receiver, o));
  agree<Pair>('Name.SubsetOf', ({ receiver, o }) => hostSubsetOf(receiver, o));
  agree<{ a: string; b: string }>('MoreSpecific', ({ a, b }) => moreSpecific(a, b));
  agree<string[]>('sort', (hosts) => [...hosts].sort(compareSpecificity));
  agree<{ needle: string; specific: string[]; wildcard: string[] }>(
    'MostSpecificHostMatch',
    ({ needle, specific, wildcard }) => {
      const found = mostSpecificHostMatch(needle, asMap(specific), asMap(wildcard));
      return [found?.host ?? '', found !== undefined];
    },
  );
  agree<{ receiver: string[]; other: string[] }>('Names.Intersection', ({ receiver, other }) =>
    intersectHosts(receiver, other),
  );
  agree<{ hosts: string[]; namespace: string }>('NamesForNamespace', ({ hosts, namespace }) =>
    hostsForNamespace(hosts, namespace),
  );
  agree<{ hostname: string; meta: { namespace?: string; domain?: string } }>(
    'ResolveShortnameToFQDN',
    ({ hostname, meta }) => expandShortName(hostname, meta.namespace ?? '', meta.domain ?? ''),
  );
  agree<{ gwname: string; meta: { namespace: string } }>('resolveGatewayName', ({ gwname, meta }) =>
    resolveGatewayName(gwname, meta.namespace),
  );
});

describe('beyond the recorded facts', () => {
  it('leaves the reserved gateway name alone', () => {
    expect(resolveGatewayName('mesh', 'default')).toBe('mesh');
  });

  it('completes a short name by namespace and domain', () => {
    expect(expandShortName('reviews', 'bookinfo', 'cluster.local')).toBe('reviews.bookinfo.svc.cluster.local');
    expect(expandShortName('', 'bookinfo', 'cluster.local')).toBe('');
    expect(expandShortName('*', 'bookinfo', 'cluster.local')).toBe('*');
    expect(expandShortName('10.0.0.1', 'bookinfo', 'cluster.local')).toBe('10.0.0.1');
  });

  it('finds the longest of several wildcards', () => {
    const wildcards = asMap(['*', '*.com', '*.example.com']);
    expect(mostSpecificHostMatch('a.example.com', new Map(), wildcards)?.host).toBe('*.example.com');
    expect(mostSpecificHostMatch('*.b.example.com', new Map(), wildcards)?.host).toBe('*.example.com');
    expect(mostSpecificHostMatch('example.org', new Map(), wildcards)?.host).toBe('*');
  });
});

function asMap(hosts: readonly string[]): Map<string, string> {
  return new Map(hosts.map((host) => [host, host]));
}
