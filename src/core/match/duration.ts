const MS_PER_UNIT: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3, // micro sign
  μs: 1e-3, // Greek mu
  ms: 1,
  s: 1e3,
  m: 6e4,
  h: 3.6e6,
};

/** Largest span of a protobuf Duration: ten thousand years. */
const MAX_MS = 315_576_000_000_000;

/**
 * Milliseconds (with a fraction when it has one) of a Go duration (`1h2m3.5s`, `250ms`) or a protobuf one (`3.5s`).
 * Throws RangeError for anything else.
 */
export function parseDurationMs(text: string): number {
  const ms = readDuration(text);
  if (ms === undefined || Math.abs(ms) > MAX_MS) throw new RangeError(`not a duration: ${text}`);
  return ms;
}

function readDuration(text: string): number | undefined {
  const negative = text.startsWith('-');
  const unsigned = negative || text.startsWith('+') ? text.slice(1) : text;
  if (unsigned === '0') return 0;
  const part = /(\d+(?:\.\d*)?|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/y;
  let total = 0;
  let at = 0;
  while (at < unsigned.length) {
    part.lastIndex = at;
    const found = part.exec(unsigned);
    if (found === null) return undefined;
    const [whole, amount = '', unit = ''] = found;
    total += Number(amount) * (MS_PER_UNIT[unit] ?? Number.NaN);
    at += whole.length;
  }
  if (at === 0) return undefined;
  // Whole nanoseconds: 0.1s + 0.2s must be 300, not 300.00000000000006.
  const ms = Math.abs(total) < 9e9 ? Math.round(total * 1e6) / 1e6 : total;
  return negative ? -ms : ms;
}
