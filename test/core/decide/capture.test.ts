import { describe, expect, it } from 'vitest';
import { buildCaptureIndex } from '../../../src/core/compile/capture-index.ts';
import { captureVerdict, captureVerdictOfPort, isCaptured } from '../../../src/core/decide/capture.ts';
import { type Ip, parseIp } from '../../../src/core/match/ip-address.ts';
import type { CaptureSettings } from '../../../src/core/model/mesh-config.ts';

const DEFAULTS: CaptureSettings = {
  includeIPRanges: '*',
  excludeIPRanges: '',
  includeOutboundPorts: '',
  excludeOutboundPorts: '',
  loopback: 'govern',
};

function ip(text: string): Ip {
  const parsed = parseIp(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
}

function verdict(settings: Partial<CaptureSettings>, address: string, port = 443, addresses: string[] = []): string {
  const index = buildCaptureIndex({ ...DEFAULTS, ...settings }, { namespace: 'default', addresses });
  return captureVerdict(index, ip(address), port);
}

describe('loopback', () => {
  it.each(['127.0.0.1', '127.0.0.2', '::1', '0.0.0.0', '::', '10.1.1.1'])('%s is governed by default', (address) => {
    expect(verdict({}, address, 443, ['10.1.1.1'])).toBe('captured');
    expect(verdict({ includeIPRanges: '203.0.113.0/24' }, address, 443, ['10.1.1.1'])).toBe('captured');
    expect(verdict({ interceptionMode: 'NONE' }, address, 443, ['10.1.1.1'])).toBe('captured');
  });

  it.each(['127.0.0.1', '127.0.0.2', '::1', '0.0.0.0', '::', '10.1.1.1'])(
    '%s bypasses as in Istio on demand',
    (address) => {
      expect(verdict({ loopback: 'bypass', dualStack: true }, address, 443, ['10.1.1.1'])).toBe('bypass');
    },
  );

  it('can be excluded by name', () => {
    expect(verdict({ excludeOutboundPorts: '9229' }, '127.0.0.1', 9229)).toBe('bypass');
    expect(verdict({ excludeIPRanges: '127.0.0.0/8' }, '127.0.0.1')).toBe('bypass');
    expect(verdict({ excludeIPRanges: '127.0.0.0/8' }, '::1')).toBe('captured');
  });
});

describe('ranges and ports', () => {
  it.each([
    [{ includeIPRanges: '10.0.0.0/8' }, '10.1.1.1', 443, 'captured'],
    [{ includeIPRanges: '10.0.0.0/8' }, '11.1.1.1', 443, 'bypass'],
    [{ includeIPRanges: '' }, '11.1.1.1', 443, 'bypass'],
    [{ excludeIPRanges: '10.0.0.0/8' }, '10.1.1.1', 443, 'bypass'],
    [{ includeIPRanges: '', includeOutboundPorts: '443' }, '10.1.1.1', 443, 'captured'],
    [{ excludeIPRanges: '10.0.0.0/8', includeOutboundPorts: '443' }, '10.1.1.1', 443, 'bypass'],
    [{ excludeOutboundPorts: '443', includeOutboundPorts: '443' }, '10.1.1.1', 443, 'bypass'],
    [{ includeIPRanges: '0.0.0.0/0' }, '2001:db8::1', 443, 'bypass'],
    [{ includeIPRanges: 'nonsense' }, '10.1.1.1', 443, 'captured'],
    [{ excludeIPRanges: 'nonsense' }, '10.1.1.1', 443, 'captured'],
  ])('%j of %s:%d: %s', (settings, address, port, expected) => {
    expect(verdict(settings, address, port)).toBe(expected);
  });

  it('leaves IPv6 of an IPv4 pod alone, unless told otherwise', () => {
    expect(verdict({}, '2001:db8::1', 443, ['10.1.1.1'])).toBe('bypass');
    expect(verdict({ dualStack: true }, '2001:db8::1', 443, ['10.1.1.1'])).toBe('captured');
    expect(verdict({}, '2001:db8::1', 443, ['fd00::1'])).toBe('captured');
    expect(verdict({}, '2001:db8::1')).toBe('captured');
  });
});

describe('before the address is known', () => {
  it.each([
    [{}, 443, 'captured'],
    [{ excludeOutboundPorts: '443' }, 443, 'bypass'],
    [{ excludeIPRanges: '10.0.0.0/8' }, 443, undefined],
    [{ includeIPRanges: '10.0.0.0/8' }, 443, undefined],
    [{ includeIPRanges: '', includeOutboundPorts: '443' }, 443, 'captured'],
    [{ loopback: 'bypass' as const }, 443, undefined],
    [{ interceptionMode: 'NONE' as const, loopback: 'bypass' as const }, 443, 'bypass'],
  ])('%j at port %d: %s', (settings, port, expected) => {
    const index = buildCaptureIndex({ ...DEFAULTS, ...settings }, { namespace: 'default' });
    expect(captureVerdictOfPort(index, port)).toBe(expected);
    if (expected !== undefined) expect(isCaptured(index, ip('203.0.113.9'), port)).toBe(expected === 'captured');
  });
});
