import { describe, expect, it } from 'vitest';
import { parseDurationMs } from '../../../src/core/match/duration.ts';

describe('parseDurationMs', () => {
  it.each([
    ['0', 0],
    ['0s', 0],
    ['1s', 1_000],
    ['0.5s', 500],
    ['.5s', 500],
    ['1.s', 1_000],
    ['250ms', 250],
    ['1m0s', 60_000],
    ['1h2m3.5s', 3_723_500],
    ['1.5h', 5_400_000],
    ['10us', 0.01],
    ['10µs', 0.01],
    ['10μs', 0.01],
    ['1ns', 0.000001],
    ['0.1s0.2s', 300],
    ['-1s', -1_000],
    ['+1s', 1_000],
    ['3.000000001s', 3000.000001],
    ['315576000000s', 315_576_000_000_000],
  ])('%s is %d ms', (text, ms) => {
    expect(parseDurationMs(text)).toBe(ms);
  });

  it.each(['', ' 1s', '1s ', '1', '1 s', 's', '.s', '1d', '1S', '--1s', '1e3s', '1,5s', '315576000001s', '∞s'])(
    '%j is no duration',
    (text) => {
      expect(() => parseDurationMs(text)).toThrow(RangeError);
    },
  );
});
