import { describe, expect, it } from 'vitest';
import { FilterChain, type ApplicationProtocol, type ChainCriteria } from '../../../src/core/compile/filter-chain.ts';
import { FilterChainIndex } from '../../../src/core/compile/filter-chain-index.ts';
import { Listener } from '../../../src/core/compile/listener.ts';
import { parseIp } from '../../../src/core/match/ip-address.ts';

function chain(name: string, criteria: ChainCriteria): FilterChain {
  return new FilterChain(criteria, { listener: 'test', name }, () => ({ kind: 'tcp', targets: [] }));
}

function match(
  chains: readonly FilterChain[],
  address: string | undefined,
  sni = '',
  isTls = sni !== '',
  application?: ApplicationProtocol,
): string | undefined {
  const ip = address === undefined ? undefined : parseIp(address);
  return new FilterChainIndex(chains).match(ip, sni, isTls, application)?.origin.name;
}

describe('matching filter chains', () => {
  it('takes the longest block', () => {
    const chains = [
      chain('wide', { destinationCidrs: ['10.0.0.0/8'] }),
      chain('narrow', { destinationCidrs: ['10.1.0.0/16'] }),
      chain('one', { destinationCidrs: ['10.1.1.1'] }),
    ];
    expect(match(chains, '10.1.1.1')).toBe('one');
    expect(match(chains, '10.1.1.2')).toBe('narrow');
    expect(match(chains, '10.2.0.1')).toBe('wide');
    expect(match(chains, '11.0.0.1')).toBeUndefined();
    expect(match(chains, undefined)).toBeUndefined();
  });

  it('does not go back: inside a block the chains without one are out of play', () => {
    const chains = [
      chain('block', { destinationCidrs: ['10.0.0.0/8'], sniHosts: ['a.example.com'] }),
      chain('named', { sniHosts: ['b.example.com'] }),
    ];
    expect(match(chains, '10.0.0.1', 'a.example.com')).toBe('block');
    expect(match(chains, '10.0.0.1', 'b.example.com')).toBeUndefined();
    expect(match(chains, '11.0.0.1', 'b.example.com')).toBe('named');
  });

  it('takes 0.0.0.0/0 as no block, for IPv4 alone', () => {
    const chains = [chain('all', { destinationCidrs: ['0.0.0.0/0'] }), chain('named', { sniHosts: ['a.example.com'] })];
    expect(match(chains, '10.0.0.1')).toBe('all');
    expect(match(chains, '10.0.0.1', 'a.example.com')).toBe('named');
    expect(match(chains, '2001:db8::1')).toBeUndefined();
  });

  it('takes the exact name, else the longest wildcard; no SNI meets no name', () => {
    const chains = [
      chain('*', { sniHosts: ['*.example.com'] }),
      chain('deep', { sniHosts: ['*.a.example.com'] }),
      chain('exact', { sniHosts: ['x.a.example.com'] }),
    ];
    expect(match(chains, undefined, 'x.a.example.com')).toBe('exact');
    expect(match(chains, undefined, 'y.a.example.com')).toBe('deep');
    expect(match(chains, undefined, 'y.b.example.com')).toBe('*');
    expect(match(chains, undefined, 'example.com')).toBeUndefined();
    expect(match(chains, undefined, '', true)).toBeUndefined();
  });

  it('compares names in lower case, and asks nothing for `*`', () => {
    expect(match([chain('upper', { sniHosts: ['A.Example.COM'] })], undefined, 'a.example.com')).toBe('upper');
    expect(match([chain('any', { sniHosts: ['*'] })], undefined, 'a.example.com')).toBe('any');
  });

  it('tells plaintext HTTP from TLS and from other bytes', () => {
    const chains = [
      chain('http', { transportProtocol: 'raw_buffer', applicationProtocols: ['http/1.1', 'h2c'] }),
      chain('bytes', {}),
    ];
    expect(match(chains, undefined, '', false, 'http/1.1')).toBe('http');
    expect(match(chains, undefined, '', false, 'h2c')).toBe('http');
    expect(match(chains, undefined, '', true)).toBe('bytes');
  });

  it('leaves other plaintext bytes to the default chain of the listener', () => {
    const chains = [
      chain('http', { transportProtocol: 'raw_buffer', applicationProtocols: ['http/1.1', 'h2c'] }),
      chain('bytes', {}),
    ];
    expect(match(chains, undefined)).toBeUndefined();
    expect(new Listener('test', 80, chains).match(undefined, '', false, undefined)?.origin.name).toBe('bytes');
  });

  it('tells TLS between sidecars by its ALPN', () => {
    const chains = [chain('istio', { sniHosts: ['outbound_.80_._.a'], applicationProtocols: ['istio'] })];
    expect(match(chains, undefined, 'outbound_.80_._.a', true, 'istio')).toBe('istio');
    expect(match(chains, undefined, 'outbound_.80_._.a', true)).toBeUndefined();
  });
});
