import { domainToASCII } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalHost, isCanonicalName } from '../../../src/core/match/canonical-host.ts';
import { readFacts } from './facts.ts';

interface Spelling {
  readonly input?: unknown;
  readonly cidr?: string;
  readonly canonical: {
    readonly type: string;
    readonly value?: string;
    readonly reason?: string;
    readonly implicit?: true;
    readonly zone?: string;
  };
}

const spellings = (readFacts('addresses') as Spelling[]).filter(({ cidr }) => cidr === undefined);

/** Recorded where Node versions differ: they cannot be our reasons. */
const OTHER_REASON = 'idna-differs-between-node-versions';

describe('canonicalHost', () => {
  it('makes of every recorded spelling what Node and its resolver make of it', () => {
    expect(spellings.length).toBeGreaterThan(300);
    for (const { input, canonical } of spellings) {
      const { type, ...rest } = canonicalHost(input) as Spelling['canonical'];
      const { value, reason, implicit, zone } = canonical;
      const expected =
        type === 'invalid' ? { reason: reason === OTHER_REASON ? rest.reason : reason } : { value, implicit, zone };
      expect([input, type, rest]).toMatchObject([
        input,
        canonical.type,
        Object.fromEntries(Object.entries(expected).filter(([, each]) => each !== undefined)),
      ]);
    }
  });

  it('is idempotent', () => {
    fc.assert(
      fc.property(fc.oneof(fc.domain(), fc.string(), fc.ipV4(), fc.ipV6(), fc.string({ unit: 'binary' })), (input) => {
        const first = canonicalHost(input);
        if (first.type === 'invalid') return;
        expect(canonicalHost(first.value)).toMatchObject({ type: first.type, value: first.value });
      }),
      { numRuns: 3_000 },
    );
  });

  it('gives the name that Node would resolve, where Node knows one', () => {
    fc.assert(
      fc.property(fc.oneof(fc.domain(), fc.webAuthority(), fc.string({ unit: 'grapheme' })), (input) => {
        const { type, ...host } = canonicalHost(input);
        if (type !== 'dns' || 'implicit' in host || input.endsWith('.')) return;
        // Empty: a character of a Unicode version that this Node does not know yet.
        const theirs = domainToASCII(input);
        if (theirs !== '') expect((host as { value: string }).value).toBe(theirs.replace(/\.$/, ''));
      }),
      { numRuns: 3_000 },
    );
  });

  it('knows at a glance what is canonical', () => {
    for (const name of ['a', 'api.example.com', 'x.y', '1.com', 'a_b.c-d', 'ax-n--b', 'x'.repeat(63)]) {
      expect([name, isCanonicalName(name)]).toEqual([name, true]);
      expect(canonicalHost(name)).toEqual({ type: 'dns', value: name });
    }
    for (const name of [
      '',
      '.',
      'a.',
      '.a',
      'a..b',
      'A',
      'a.1',
      '127.0.0.1',
      'xn--a',
      'b.xn--a',
      'a b',
      'ä',
      'x'.repeat(64),
    ]) {
      expect([name, isCanonicalName(name)]).toEqual([name, false]);
    }
    expect(isCanonicalName(`${'a.'.repeat(126)}a`)).toBe(true);
    expect(isCanonicalName(`${'a.'.repeat(127)}a`)).toBe(false);
  });
});
