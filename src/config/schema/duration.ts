/** Nanoseconds of each unit that Go's `time.ParseDuration` knows; Istio and the API server read durations with it. */
const UNIT_NANOSECONDS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

const MAX_INT64 = (1n << 63n) - 1n;
const PART = /(\d*)(?:\.(\d*))?(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/y;

/** Nanoseconds of `1.5s`, `1m30s`, `-2ms`, `0`; `undefined` when the text is no duration or leaves 64 bits. */
export function parseDurationNanoseconds(text: string): bigint | undefined {
  const negative = text.startsWith('-');
  let rest = negative || text.startsWith('+') ? text.slice(1) : text;
  if (rest === '0') return 0n;
  if (rest === '') return undefined;
  let total = 0n;
  while (rest !== '') {
    PART.lastIndex = 0;
    const part = PART.exec(rest);
    if (part === null) return undefined;
    const whole = part[1] ?? '';
    const fraction = part[2] ?? '';
    if (whole === '' && fraction === '') return undefined;
    const unit = UNIT_NANOSECONDS[part[3] ?? ''] ?? 0n;
    total += BigInt(whole === '' ? '0' : whole) * unit + (fraction === '' ? 0n : fractionOf(fraction, unit));
    if (total > MAX_INT64) return undefined;
    rest = rest.slice(part[0].length);
  }
  return negative ? -total : total;
}

/** Digits beyond a nanosecond are cut off, as Go does. */
function fractionOf(digits: string, unit: bigint): bigint {
  const kept = digits.slice(0, 18);
  return (BigInt(kept) * unit) / 10n ** BigInt(kept.length);
}

export const MILLISECOND = 1_000_000n;
export const SECOND = 1_000_000_000n;
export const HOUR = 3_600n * SECOND;
