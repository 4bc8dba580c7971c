import { describe, expect, it } from 'vitest';
import { parseDurationNanoseconds } from '../../../src/config/schema/duration.ts';
import {
  isDnsLabel,
  isWildcardDnsLabel,
  labelKeyProblem,
  labelValueProblem,
} from '../../../src/config/validate/dns-label.ts';
import { headerValueProblem } from '../../../src/config/validate/header-value.ts';
import { isClaimRoute, matchedHeaderProblem } from '../../../src/config/validate/http-header.ts';
import { hostPortOf, isIpAddress, subnetProblem, unixPathProblem } from '../../../src/config/validate/ip-address.ts';
import { tableSizeProblem } from '../../../src/config/validate/load-balancer.ts';
import { localitiesProblem } from '../../../src/config/validate/locality-lb.ts';
import { proxyConfigDefaults } from '../../../src/config/validate/mesh-config-message.ts';
import { validateMeshConfig } from '../../../src/config/validate/mesh-config.ts';
import { durationProblem } from '../../../src/config/validate/time.ts';

describe('durations', () => {
  it.each([
    ['1s', 1_000_000_000n],
    ['1m30s', 90_000_000_000n],
    ['1.5s', 1_500_000_000n],
    ['.5s', 500_000_000n],
    ['-2ms', -2_000_000n],
    ['0', 0n],
    ['1h1ns', 3_600_000_000_001n],
    ['0.0000000001s', 0n],
  ])('reads %s', (text, nanoseconds) => {
    expect(parseDurationNanoseconds(text)).toBe(nanoseconds);
  });

  it.each(['', '1', 's', '1 s', '1d', '1s ', '.s', '9999999999h'])('does not read %s', (text) => {
    expect(parseDurationNanoseconds(text)).toBeUndefined();
  });

  it('wants whole milliseconds, at least one', () => {
    expect(durationProblem('1ms')).toBeUndefined();
    expect(durationProblem('0s')).toBeDefined();
    expect(durationProblem('1.0005s')).toBeDefined();
  });
});

describe('addresses', () => {
  it('reads strictly, with a zone for IPv6', () => {
    expect(['1.2.3.4', '::1', 'fe80::1%eth0'].every(isIpAddress)).toBe(true);
    expect(['1.2.3', '01.2.3.4', '1.2.3.4%eth0', '[::1]', ''].some(isIpAddress)).toBe(false);
    expect(subnetProblem('10.0.0.0/8')).toBeUndefined();
    expect(subnetProblem('10.0.0.0/33')).toBeDefined();
    expect(subnetProblem('10.0.0.0/8/8')).toBeDefined();
  });

  it('splits host and port', () => {
    expect(hostPortOf('a.example:80')).toEqual({ host: 'a.example', port: '80' });
    expect(hostPortOf('[::1]:80')).toEqual({ host: '::1', port: '80' });
    expect(hostPortOf('::1:80')).toBeUndefined();
    expect(hostPortOf('a.example')).toBeUndefined();
  });

  it('knows sockets', () => {
    expect(['@abstract', '/run/a.sock'].map(unixPathProblem)).toEqual([undefined, undefined]);
    expect(['', '/run/', './a.sock'].map(unixPathProblem)).not.toContain(undefined);
  });
});

describe('labels', () => {
  it('follows Kubernetes', () => {
    expect(isDnsLabel('a-b')).toBe(true);
    expect(isDnsLabel('a-')).toBe(false);
    expect(isWildcardDnsLabel('*-a')).toBe(true);
    expect(isWildcardDnsLabel('a*')).toBe(false);
    expect(labelKeyProblem('app.kubernetes.io/name')).toBeUndefined();
    expect(labelKeyProblem('istio./key')).toBeDefined();
    expect(labelKeyProblem('a'.repeat(64))).toBeDefined();
    expect(labelValueProblem('')).toBeUndefined();
    expect(labelValueProblem('a b')).toBeDefined();
  });
});

describe('header values', () => {
  it.each(['', 'plain', '100%%', '%HOSTNAME%', '%REQ(:path)%', '%DYNAMIC_METADATA(["a", "b"])%', 'a\tb'])(
    'accepts %j',
    (value) => {
      expect(headerValueProblem(value)).toBeUndefined();
    },
  );

  it.each([
    '%',
    'abc%123',
    '%START_TIME%%',
    '%REQ(',
    '%A(["x" "y"])%',
    '%A("x\\',
    '%A(["x"]x)%',
    '%A() x%',
    'a\nb',
    '%A([x])%',
  ])('refuses %j', (value) => {
    expect(headerValueProblem(value)).toBeDefined();
  });
});

it('knows claims and pseudo-headers to match by', () => {
  expect(isClaimRoute('@request.auth.claims.group')).toBe(true);
  expect(isClaimRoute('@request.auth.claims[a][b]')).toBe(true);
  expect(isClaimRoute('@request.auth.claims')).toBe(false);
  expect(matchedHeaderProblem(':authority')).toBeUndefined();
  expect(matchedHeaderProblem('x user')).toBeDefined();
});

it('lets localities not overlap', () => {
  expect(localitiesProblem(['a/b/c', 'a/b/d', 'b'])).toBeUndefined();
  expect(localitiesProblem(['a', 'a/b'])).toBeDefined();
  expect(localitiesProblem(['a/b', 'a/b/c'])).toBeDefined();
  expect(localitiesProblem(['*', 'a'])).toBeDefined();
  expect(localitiesProblem(['*/a'])).toBeDefined();
  expect(localitiesProblem(['a//c'])).toBeDefined();
});

it('wants prime tables', () => {
  expect(tableSizeProblem(65537)).toBeUndefined();
  expect([0, 1000, 5_000_011].map(tableSizeProblem)).not.toContain(undefined);
});

describe('validateMeshConfig', () => {
  const defaults = {
    proxyListenPort: 15001,
    connectTimeout: '10s',
    trustDomain: 'cluster.local',
    defaultConfig: proxyConfigDefaults,
  };

  it("accepts Istio's defaults", () => {
    expect(validateMeshConfig(defaults)).toEqual([]);
  });

  it('refuses a connect timeout of nothing, or of more than an hour', () => {
    expect(validateMeshConfig({ ...defaults, connectTimeout: '0s' }).map(({ field }) => field)).toEqual([
      'connectTimeout',
    ]);
    expect(validateMeshConfig({ ...defaults, connectTimeout: '2h' }).map(({ field }) => field)).toEqual([
      'connectTimeout',
    ]);
  });

  it('warns of what is ignored', () => {
    const policy = { attempts: 2, perTryTimeout: '1s' };
    expect(
      validateMeshConfig({ ...defaults, defaultInboundHttpRetryPolicy: policy }).map(({ level }) => level),
    ).toEqual(['warning']);
  });
});
