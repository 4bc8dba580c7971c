import { describe, expect, it } from 'vitest';
import type { Problem } from '../../../src/config/validate/problem.ts';
import { ruleCodes } from '../../../src/config/validate/rule-codes.ts';
import { validateResource } from '../../../src/config/validate/validate-resource.ts';

/** Field, level and code of each problem, in order. */
function said(kind: string, spec: unknown, metadata: object = { name: 'x', namespace: 'default' }): string[] {
  return validateResource({ apiVersion: 'networking.istio.io/v1', kind, metadata, spec }).map(line);
}

function line({ field, level, code }: Problem): string {
  const rule = Object.entries(ruleCodes).find(([, entry]) => entry.code === code)?.[0];
  return `${level} ${rule} ${field}`;
}

const https = { number: 443, name: 'https', protocol: 'HTTPS' };

describe('the structure of a resource', () => {
  it('refuses fields that the kind does not have', () => {
    expect(said('ServiceEntry', { hosts: ['a.example'], ports: [https], exportto: ['.'] })).toEqual([
      'error unknownField spec.exportto',
    ]);
  });

  it('refuses wrong types, unknown values and missing fields at their place', () => {
    expect(said('ServiceEntry', { hosts: ['a.example'], resolution: 'dns' })).toEqual([
      'error unknownValue spec.resolution',
    ]);
    expect(said('ServiceEntry', { hosts: 'a.example' })).toEqual(['error wrongType spec.hosts']);
    expect(said('VirtualService', { http: [{ route: [{}] }] })).toEqual([
      'error missingField spec.http[0].route[0].destination',
    ]);
    expect(said('DestinationRule', undefined)).toEqual(['error missingField spec']);
  });

  it('allows one member of a oneof', () => {
    const match = { uri: { exact: '/a', prefix: '/b' } };
    expect(
      said('VirtualService', { hosts: ['a.example'], http: [{ match: [match], redirect: { uri: '/' } }] }),
    ).toEqual(['error oneOf spec.http[0].match[0].uri']);
  });

  it('asks the webhook only about what the schema accepts', () => {
    expect(said('ServiceEntry', { hosts: ['*', 'bad_name'], ports: [] })).toEqual(['error hostname spec.hosts[0]']);
  });
});

describe('ServiceEntry', () => {
  it('accepts the usual forms', () => {
    expect(said('ServiceEntry', { hosts: ['a.example'], ports: [https], resolution: 'DNS' })).toEqual([]);
    expect(said('ServiceEntry', { hosts: ['*.a.example'], ports: [https] })).toEqual([]);
    expect(said('ServiceEntry', { hosts: ['a.example'], addresses: ['10.0.0.0/8', '::1'], ports: [https] })).toEqual(
      [],
    );
  });

  it('wants a name to look up', () => {
    expect(said('ServiceEntry', { hosts: ['*.a.example'], ports: [https], resolution: 'DNS' })).toEqual([
      'error dnsHost spec.hosts[0]',
    ]);
  });

  it('warns of TCP ports without addresses', () => {
    const tcp = { number: 5432, name: 'tcp', protocol: 'TCP' };
    expect(said('ServiceEntry', { hosts: ['a.example'], ports: [tcp] })).toEqual([
      'warning addressesRequired spec.ports[0]',
    ]);
  });

  it('takes "." and the own namespace for the same', () => {
    expect(said('ServiceEntry', { hosts: ['a.example'], ports: [https], exportTo: ['.', 'default'] })).toEqual([
      'error exportTo spec.exportTo[1]',
    ]);
  });
});

describe('VirtualService', () => {
  const route = [{ destination: { host: 'a.example' } }];

  it('quotes the keys of maps', () => {
    const match = [{ headers: { 'x user': { exact: 'a' } } }];
    expect(said('VirtualService', { hosts: ['a.example'], http: [{ match, route }] })).toEqual([
      'error headerName spec.http[0].match[0].headers["x user"]',
    ]);
  });

  it('knows RE2', () => {
    const bad = [{ uri: { regex: '(?=a)' } }];
    expect(said('VirtualService', { hosts: ['a.example'], http: [{ match: bad, route }] })).toEqual([
      'error regex spec.http[0].match[0].uri.regex',
    ]);
  });

  it('says how to write no timeout', () => {
    const [problem] = validateResource({
      kind: 'VirtualService',
      metadata: { name: 'x' },
      spec: { hosts: ['a.example'], http: [{ route, timeout: '1.0005s' }] },
    });
    expect(problem).toMatchObject({ field: 'spec.http[0].timeout', level: 'error' });
  });

  it('warns of what is never reached', () => {
    const spec = { hosts: ['a.example'], http: [{ route }, { match: [{ uri: { prefix: '/a' } }], route }] };
    expect(said('VirtualService', spec)).toEqual(['warning unreachableRoute spec.http[1]']);
  });

  it('takes an empty exclusion of a header by its presence', () => {
    const match = [{ withoutHeaders: { 'x-a': { regex: '*' } } }];
    expect(said('VirtualService', { hosts: ['a.example'], http: [{ match, route }] })).toEqual([]);
  });

  it('refuses annotations that are not for users', () => {
    const metadata = { name: 'x', annotations: { 'internal.istio.io/parents': 'a' } };
    expect(said('VirtualService', { hosts: ['a.example'], http: [{ route }] }, metadata)).toEqual([
      'error annotation metadata.annotations["internal.istio.io/parents"]',
    ]);
  });
});

describe('DestinationRule', () => {
  it('wants trust or none', () => {
    const tls = { mode: 'SIMPLE', insecureSkipVerify: true, caCertificates: '/ca.pem' };
    expect(said('DestinationRule', { host: 'a.example', trafficPolicy: { tls } })).toEqual([
      'error tlsSkipVerifyWithTrust spec.trafficPolicy.tls',
    ]);
  });

  it('lets a rule with a selector stay at home', () => {
    const spec = { host: 'a.example', exportTo: ['*'], workloadSelector: { matchLabels: { app: 'a' } } };
    expect(said('DestinationRule', spec)).toEqual(['error exportToWithSelector spec.exportTo']);
  });
});

describe('Gateway, Sidecar, WorkloadEntry', () => {
  it('wants tls on TLS ports', () => {
    const servers = [{ hosts: ['a.example'], port: https }];
    expect(said('Gateway', { servers })).toEqual(['error serverTls spec.servers[0].tls']);
  });

  it('wants the catch-all last', () => {
    const egress = [{ hosts: ['./*'] }, { hosts: ['./*'], port: { number: 80, protocol: 'HTTP' } }];
    expect(said('Sidecar', { egress })).toEqual(['error catchAllListener spec.egress[0]']);
  });

  it('lets entries be excluded', () => {
    expect(said('Sidecar', { egress: [{ hosts: ['*/*', '~team-a/*'] }] })).toEqual([]);
  });

  it('wants an address or a network', () => {
    expect(said('WorkloadEntry', {})).toEqual(['error endpointAddress spec']);
    expect(said('WorkloadEntry', { network: 'net' })).toEqual(['warning endpointAddress spec.address']);
  });
});

it('says nothing of kinds that it does not know', () => {
  expect(said('ConfigMap', { anything: true })).toEqual([]);
});

it('has one code for each rule', () => {
  const codes = Object.values(ruleCodes).map(({ code }) => code);
  expect(new Set(codes).size).toBe(codes.length);
});
