import ipaddr from 'ipaddr.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cidrContains, CidrIndex, parseCidr, unmapCidr } from '../../../src/core/match/cidr-index.ts';
import { parseIp, toDialledIp, type Ip } from '../../../src/core/match/ip-address.ts';
import { readFacts } from './facts.ts';

interface Block {
  readonly cidr?: string;
  readonly canonical: { readonly type: string; readonly value?: string };
  readonly contains?: readonly string[];
  readonly excludes?: readonly string[];
}

const blocks = (readFacts('addresses') as Block[]).filter(({ cidr }) => cidr !== undefined);

function address(text: string): Ip {
  const ip = parseIp(text);
  if (ip === undefined) throw new Error(`no address: ${text}`);
  return toDialledIp(ip);
}

function indexOf(...texts: string[]): CidrIndex<string> {
  const index = new CidrIndex<string>();
  for (const text of texts) {
    const cidr = parseCidr(text);
    if (cidr !== undefined) index.add(cidr, text);
  }
  return index;
}

describe('parseCidr', () => {
  it('reads the recorded spellings, and what they contain', () => {
    expect(blocks.length).toBeGreaterThan(30);
    for (const { cidr: text = '', canonical, contains = [], excludes = [] } of blocks) {
      const written = text.includes('/') ? parseCidr(text) : undefined;
      const cidr = written === undefined ? undefined : unmapCidr(written);
      expect([text, cidr?.text]).toEqual([text, canonical.type === 'cidr' ? canonical.value : undefined]);
      if (cidr === undefined) continue;
      for (const each of contains) expect([text, each, cidrContains(cidr, address(each))]).toEqual([text, each, true]);
      for (const each of excludes) expect([text, each, cidrContains(cidr, address(each))]).toEqual([text, each, false]);
    }
  });

  it('takes a bare address for a block of one', () => {
    expect(parseCidr('10.0.0.1')?.text).toBe('10.0.0.1/32');
    expect(parseCidr('2001:db8::1')?.text).toBe('2001:db8::1/128');
  });

  it('clears host bits and says so', () => {
    expect(parseCidr('10.1.2.3/8')).toMatchObject({ text: '10.0.0.0/8', hostBits: true });
    expect(parseCidr('10.0.0.0/8')).toMatchObject({ text: '10.0.0.0/8', hostBits: false });
  });
});

describe('CidrIndex', () => {
  it('finds the longest block', () => {
    const index = indexOf('0.0.0.0/0', '10.0.0.0/8', '10.1.0.0/16', '10.1.2.3', '::/0', 'fd00::/8');
    expect(index.get(address('10.1.2.3'))).toBe('10.1.2.3');
    expect(index.get(address('10.1.2.4'))).toBe('10.1.0.0/16');
    expect(index.get(address('10.2.0.0'))).toBe('10.0.0.0/8');
    expect(index.get(address('11.0.0.0'))).toBe('0.0.0.0/0');
    expect(index.get(address('fd12::1'))).toBe('fd00::/8');
    expect(index.get(address('2001:db8::1'))).toBe('::/0');
  });

  it('does not mix families', () => {
    expect(indexOf('0.0.0.0/0').get(address('::2'))).toBeUndefined();
    expect(indexOf('::/0').get(address('10.0.0.1'))).toBeUndefined();
  });

  it('keeps the first of equal blocks', () => {
    expect(indexOf('10.0.0.0/8', '10.9.9.9/8').get(address('10.1.1.1'))).toBe('10.0.0.0/8');
  });

  it('agrees with a linear search by ipaddr.js', () => {
    const ip = fc.oneof(
      fc.array(fc.constantFrom(0, 1, 10, 128, 255), { minLength: 4, maxLength: 4 }).map((octets) => octets.join('.')),
      fc
        .array(fc.constantFrom('0', '1', '8000', 'ffff', 'fd00'), { minLength: 8, maxLength: 8 })
        .map((groups) => groups.join(':'))
        .filter((text) => !text.startsWith('0:0:0:0:0:ffff')),
    );
    const block = fc
      .tuple(ip, fc.nat({ max: 128 }))
      .map(([text, length]) => `${text}/${text.includes(':') ? length : length % 33}`);
    fc.assert(
      fc.property(fc.array(block, { maxLength: 12 }), ip, (texts, text) => {
        const target = ipaddr.parse(text);
        const lengths = texts
          .map((each) => ipaddr.parseCIDR(each))
          .filter(([network, bits]) => network.kind() === target.kind() && target.match(network, bits))
          .map(([, bits]) => bits);
        const found = indexOf(...texts).get(address(text));
        const longest = lengths.length === 0 ? undefined : Math.max(...lengths);
        expect(found === undefined ? undefined : Number(found.split('/')[1])).toBe(longest);
      }),
      { numRuns: 2_000 },
    );
  });
});
