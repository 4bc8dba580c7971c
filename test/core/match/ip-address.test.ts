import ipaddr from 'ipaddr.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isLoopback, parseIp, toDialledIp } from '../../../src/core/match/ip-address.ts';

describe('parseIp', () => {
  it.each([
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['1:0:0:4:5:0:0:0', '1:0:0:4:5::'],
    ['1:2:3:4:5:6:0:8', '1:2:3:4:5:6:0:8'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::ffff:10.0.0.1', '::ffff:a00:1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['::10.0.0.1', '::a00:1'],
  ])('%s is %s', (text, canonical) => {
    expect(parseIp(text)?.text).toBe(canonical);
  });

  it.each([
    '',
    '1',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.',
    '.1.2.3',
    '1..2.3',
    '256.0.0.1',
    '01.2.3.4',
    '0x7f.0.0.1',
    '1.2.3.4 ',
    ' 1.2.3.4',
    '+1.2.3.4',
    '1.2.3.4/8',
    ':',
    ':::',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '::1::',
    '1:::2',
    ':1',
    '1:',
    '12345::',
    'g::',
    '::1%eth0',
    '[::1]',
    '::ffff:10.0.0.256',
    '::ffff:010.0.0.1',
    '::ffff:10.1',
    '1.2.3.4::',
    '::1.2.3.4:5',
    '1:2:3:4:5:6:7:1.2.3.4',
    '٠.٠.٠.٠',
    'example.com',
    'a.b.c.d',
    'abcd',
  ])('%j is no address', (text) => {
    expect(parseIp(text)).toBeUndefined();
  });

  it('reads and writes every address as ipaddr.js does', () => {
    const word = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }));
    fc.assert(
      fc.property(fc.array(word, { minLength: 8, maxLength: 8 }), (groups) => {
        const text = groups.map((group) => group.toString(16)).join(':');
        const theirs = new ipaddr.IPv6(groups);
        const ours = parseIp(text);
        expect(ours?.text).toBe(theirs.toRFC5952String());
        expect(parseIp(ours?.text ?? '')).toEqual(ours);
        expect(parseIp(text.toUpperCase())).toEqual(ours);
      }),
      { numRuns: 1_000 },
    );
    fc.assert(
      fc.property(fc.ipV4(), (text) => {
        const [a = 0, b = 0, c = 0, d = 0] = ipaddr.IPv4.parse(text).octets;
        expect(parseIp(text)?.low).toBe(((a * 256 + b) * 256 + c) * 256 + d);
      }),
    );
  });
});

describe('what the kernel dials', () => {
  it('is IPv4 for a mapped address, and for nothing else that embeds one', () => {
    const dialled = (text: string): string | undefined => {
      const ip = parseIp(text);
      return ip === undefined ? undefined : toDialledIp(ip).text;
    };
    expect(dialled('::ffff:169.254.169.254')).toBe('169.254.169.254');
    expect(dialled('64:ff9b::a9fe:a9fe')).toBe('64:ff9b::a9fe:a9fe');
    expect(dialled('2002:a9fe:a9fe::')).toBe('2002:a9fe:a9fe::');
    expect(dialled('::169.254.169.254')).toBe('::a9fe:a9fe');
  });

  it.each([
    ['127.0.0.1', true],
    ['127.255.255.254', true],
    ['0.0.0.0', true],
    ['::1', true],
    ['::', true],
    ['::ffff:127.0.0.1', true],
    ['128.0.0.1', false],
    ['0.0.0.1', false],
    ['::2', false],
    ['fe80::1', false],
  ])('%s is loopback: %s', (text, expected) => {
    const ip = parseIp(text);
    expect(ip !== undefined && isLoopback(ip)).toBe(expected);
  });
});
