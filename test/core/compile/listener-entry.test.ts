import { describe, expect, it } from 'vitest';
import { FilterChain, SNIFFED_HTTP, type ChainCriteria } from '../../../src/core/compile/filter-chain.ts';
import { ListenerEntry, listenerProtocol, type ListenerRequest } from '../../../src/core/compile/listener-entry.ts';
import type { Protocol } from '../../../src/core/match/protocol.ts';

function bytes(name: string, criteria: ChainCriteria = {}, protocol: Protocol = 'TCP'): ListenerRequest {
  const chain = new FilterChain(criteria, { listener: 'test', name }, () => ({ kind: 'tcp', targets: [] }));
  return { kind: 'tcp', protocol, chains: [chain] };
}

function http(name: string, criteria: ChainCriteria = SNIFFED_HTTP): FilterChain {
  return new FilterChain(criteria, { listener: 'test', name, http: true }, () => ({ kind: 'http', routeTable: '80' }));
}

function sniffed(name: string): ListenerRequest {
  return { kind: 'auto', protocol: 'Unsupported', chains: [...bytes(`${name} bytes`).chains, http(name)] };
}

const SHARED_HTTP: ListenerRequest = { kind: 'auto', protocol: 'Unsupported', chains: [http('http')] };
const BOUND_HTTP: ListenerRequest = { kind: 'http', protocol: 'HTTP', chains: [http('http', {})] };

function merged(...[first, ...rest]: readonly ListenerRequest[]): string[] {
  if (first === undefined) return [];
  const entry = new ListenerEntry(['0.0.0.0'], 80, first);
  for (const request of rest) entry.add(request);
  return entry.chains.map(({ origin }) => origin.name ?? '');
}

describe('two services on one listener', () => {
  it('share it where both speak HTTP', () => {
    expect(merged(SHARED_HTTP, SHARED_HTTP)).toEqual(['http']);
    expect(merged(BOUND_HTTP, BOUND_HTTP)).toEqual(['http']);
  });

  it('keep the older where they ask for the same', () => {
    expect(merged(bytes('older'), bytes('younger'))).toEqual(['older']);
    expect(merged(bytes('older', { sniHosts: ['a', '*'] }), bytes('younger', { sniHosts: ['a'] }))).toEqual(['older']);
    expect(
      merged(
        bytes('older', { destinationCidrs: ['1.2.3.4/8'] }),
        bytes('younger', { destinationCidrs: ['1.5.6.7/8'] }),
      ),
    ).toEqual(['older']);
  });

  it('stand side by side where they ask for different things', () => {
    expect(merged(bytes('a', { sniHosts: ['a'] }, 'TLS'), bytes('b', { sniHosts: ['b'] }, 'TLS'))).toEqual(['a', 'b']);
    expect(merged(bytes('block', { destinationCidrs: ['10.0.0.0/8'] }), bytes('all'))).toEqual(['block', 'all']);
  });

  it('of which one speaks HTTP and the other does not stand side by side, in either order', () => {
    expect(merged(bytes('tcp'), SHARED_HTTP)).toEqual(['tcp', 'http']);
    expect(merged(SHARED_HTTP, bytes('tcp'))).toEqual(['http', 'tcp']);
  });

  it('make an HTTP chain that took everything ask for HTTP', () => {
    const entry = new ListenerEntry(['127.0.0.1'], 80, BOUND_HTTP);
    entry.add(bytes('tcp'));
    expect(entry.chains.map(({ applicationProtocols }) => applicationProtocols)).toEqual([['http/1.1', 'h2c'], []]);
  });

  it('of which the protocol is detected share the HTTP chain, and the older has the other bytes', () => {
    expect(merged(sniffed('a'), sniffed('b'))).toEqual(['a bytes', 'a']);
    expect(merged(bytes('tcp'), sniffed('a'))).toEqual(['tcp', 'a']);
  });

  it('of which one speaks MongoDB or MySQL do not share', () => {
    expect(merged(bytes('mongo', {}, 'Mongo'), SHARED_HTTP)).toEqual(['mongo']);
    expect(merged(bytes('tcp'), bytes('mysql', { destinationCidrs: ['10.0.0.0/8'] }, 'MySQL'))).toEqual(['tcp']);
    expect(
      merged(
        bytes('a', { destinationCidrs: ['10.0.0.0/8'] }, 'MySQL'),
        bytes('b', { destinationCidrs: ['11.0.0.0/8'] }, 'MySQL'),
      ),
    ).toEqual(['a', 'b']);
  });
});

describe('how a port is listened to', () => {
  it.each<[Protocol, string]>([
    ['HTTP', 'http'],
    ['HTTP2', 'http'],
    ['GRPC', 'http'],
    ['GRPC-Web', 'http'],
    ['HTTP_PROXY', 'http'],
    ['HTTPS', 'tcp'],
    ['TLS', 'tcp'],
    ['TCP', 'tcp'],
    ['Mongo', 'tcp'],
    ['Unsupported', 'auto'],
  ])('%s: %s', (protocol, kind) => {
    expect(listenerProtocol(protocol)).toBe(kind);
  });
});
