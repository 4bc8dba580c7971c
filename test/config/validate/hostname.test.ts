import { describe, expect, it } from 'vitest';
import {
  fqdnProblem,
  gatewayDomainProblem,
  namespacedHostProblems,
  partialWildcardProblem,
  wildcardDomainProblem,
} from '../../../src/config/validate/hostname.ts';

describe('fqdnProblem', () => {
  it.each(['a', 'a.example', 'A-1.example', 'a.example.', `${'a'.repeat(63)}.example`])('accepts %s', (name) => {
    expect(fqdnProblem(name)).toBeUndefined();
  });

  it.each([
    '',
    '.',
    'a..b',
    '-a.example',
    'a_b.example',
    '*.example',
    '127.0.0.1',
    `${'a'.repeat(64)}.example`,
    `${'a.'.repeat(128)}a`,
  ])('refuses %s', (name) => {
    expect(fqdnProblem(name)).toBeDefined();
  });

  it('takes a last label beyond 64 bits for a name, as Istio does', () => {
    expect(fqdnProblem('a.99999999999999999999')).toBeUndefined();
  });
});

describe('wildcardDomainProblem', () => {
  it.each(['*', '*.example', '*a.example', '*-a.example', 'a.example'])('accepts %s', (name) => {
    expect(wildcardDomainProblem(name)).toBeUndefined();
  });

  it.each(['a*.example', '**.example', 'a.*.example'])('refuses %s', (name) => {
    expect(wildcardDomainProblem(name)).toBeDefined();
  });
});

it('finds wildcards inside a label', () => {
  expect(partialWildcardProblem('*.example')).toBeUndefined();
  expect(partialWildcardProblem('*')).toBeUndefined();
  expect(partialWildcardProblem('*a.example')).toBeDefined();
  expect(partialWildcardProblem('a.*.example')).toBeDefined();
});

describe('gatewayDomainProblem', () => {
  it('knows the names between gateways, as SNI only', () => {
    expect(gatewayDomainProblem('outbound_.80_._.a.example', true)).toBeUndefined();
    expect(gatewayDomainProblem('outbound_.80_.v1_.a.example', true)).toBeUndefined();
    expect(gatewayDomainProblem('outbound_.80_._.a.example', false)).toBeDefined();
    expect(gatewayDomainProblem('outbound_.http_._.a.example', true)).toBeDefined();
    expect(gatewayDomainProblem('outbound_.80_._', true)).toBeDefined();
  });
});

describe('namespacedHostProblems', () => {
  it('wants a namespace in a Sidecar', () => {
    expect(namespacedHostProblems('a.example', 'sidecar')).toHaveLength(1);
    expect(namespacedHostProblems('a.example', 'gateway')).toEqual([]);
  });

  it.each(['*/*', './*', '~/*', 'team-a/*.example', '~team-a/a.example'])('accepts %s in a Sidecar', (entry) => {
    expect(namespacedHostProblems(entry, 'sidecar')).toEqual([]);
  });

  it.each(['/a.example', 'team-a/', 'Team_A/a.example', './reviews', './*a.example'])(
    'refuses %s in a Sidecar',
    (entry) => {
      expect(namespacedHostProblems(entry, 'sidecar')).not.toEqual([]);
    },
  );
});
