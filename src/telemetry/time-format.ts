import { formatOffset, strftime, weekOfYear } from './strftime.ts';
import type { CivilTime } from './strftime.ts';

/**
 * The time formats of `%START_TIME(...)%`: Envoy's own `%s` and `%f`, `%1f`..`%9f` are taken out first, then abseil's
 * extensions (`%E3S`, `%Ez`, `%ET`), and the rest goes to strftime.
 */

/** Seconds of the epoch and nanoseconds within the second. */
export interface Instant {
  readonly seconds: number;
  readonly nanos: number;
}

/** Writes an instant in the format; made once per format. */
export type TimeFormatter = (instant: Instant) => string;

export type TimeZone = 'utc' | 'local';

/** From milliseconds since the epoch, rounded to microseconds. */
export function toInstant(epochMs: number): Instant {
  const micros = Math.round((epochMs % 1000) * 1000);
  const seconds = Math.floor(epochMs / 1000);
  return micros >= 1_000_000 ? { seconds: seconds + 1, nanos: 0 } : { seconds, nanos: micros * 1000 };
}

/** An empty format is `2026-11-21T02:34:09.754Z`, in local time `2026-11-20T21:34:09.754-0500`. */
export function compileTimeFormat(format: string, zone: TimeZone): TimeFormatter {
  if (format === '') return zone === 'utc' ? isoFormatter() : compileTimeFormat('%Y-%m-%dT%H:%M:%E3S%z', zone);
  const parts: ((instant: Instant, civil: () => CivilTime) => string)[] = [];
  let last = 0;
  for (const found of format.matchAll(/%(?:s|([1-9]?)f)/g)) {
    if (found.index > last) parts.push(compileAbseil(format.slice(last, found.index)));
    last = found.index + found[0].length;
    if (found[0] === '%s') parts.push((instant) => String(instant.seconds));
    else {
      const count = found[1] === '' || found[1] === undefined ? 9 : Number(found[1]);
      parts.push((instant) => nanoText(instant).slice(0, count));
    }
  }
  if (last < format.length) parts.push(compileAbseil(format.slice(last)));
  return (instant) => {
    let civil: CivilTime | undefined;
    const lazily = (): CivilTime => (civil ??= toCivil(instant, zone));
    let text = '';
    for (const part of parts) text += part(instant, lazily);
    return text;
  };
}

/** Whether the format asks for a newline, which a log line may not hold. */
export function asksForNewline(format: string): boolean {
  return /%[_\-0^#]*\d*[EO]?n/.test(format.replace(/%%/g, '')) || format.includes('\n');
}

/** The common case: the text up to the second is kept, since most lines of a busy process share it. */
function isoFormatter(): TimeFormatter {
  let second = Number.NaN;
  let prefix = '';
  return (instant) => {
    if (instant.seconds !== second) {
      second = instant.seconds;
      prefix = new Date(second * 1000).toISOString().slice(0, 20);
    }
    const millis = Math.floor(instant.nanos / 1_000_000);
    return `${prefix}${millis < 10 ? '00' : millis < 100 ? '0' : ''}${millis}Z`;
  };
}

function nanoText(instant: Instant): string {
  return String(instant.nanos).padStart(9, '0');
}

function toCivil(instant: Instant, zone: TimeZone): CivilTime {
  const date = new Date(instant.seconds * 1000);
  const offset = zone === 'utc' ? 0 : -date.getTimezoneOffset();
  const shifted = new Date(date.getTime() + offset * 60_000);
  const startOfYear = Date.UTC(shifted.getUTCFullYear(), 0, 1);
  return {
    year: shifted.getUTCFullYear(),
    month: shifted.getUTCMonth() + 1,
    day: shifted.getUTCDate(),
    hour: shifted.getUTCHours(),
    minute: shifted.getUTCMinutes(),
    second: shifted.getUTCSeconds(),
    weekday: shifted.getUTCDay(),
    dayOfYear: Math.floor((shifted.getTime() - startOfYear) / 86_400_000) + 1,
    offset,
    get zone() {
      return zone === 'utc' ? 'UTC' : zoneName(date);
    },
    get processZone() {
      return zoneName(zone === 'utc' ? standardTime(date) : date);
    },
    epochSeconds: instant.seconds,
  };
}

let zoneNames: Intl.DateTimeFormat | undefined;

function zoneName(date: Date): string {
  zoneNames ??= new Intl.DateTimeFormat('en-US', { timeZoneName: 'short' });
  const parts = zoneNames.formatToParts(date);
  return parts.find((part) => part.type === 'timeZoneName')?.value ?? '';
}

/** A day of the same year on which no summer time holds. */
function standardTime(date: Date): Date {
  const january = new Date(date.getFullYear(), 0, 1);
  const july = new Date(date.getFullYear(), 6, 1);
  return january.getTimezoneOffset() >= july.getTimezoneOffset() ? january : july;
}

const EXTENSION = /^E(?:T|\*?z|\*[Sf]|4Y|(\d{1,4})([Sf]))/;

/**
 * Abseil's part: it reads from percent sign to percent sign, hands the text before one of its own conversions to
 * strftime, and passes over sequences that it does not know.
 */
function compileAbseil(format: string): (instant: Instant, civil: () => CivilTime) => string {
  const steps: ((instant: Instant, civil: () => CivilTime) => string)[] = [];
  let pending = 0;
  let at = 0;
  const flush = (until: number): void => {
    const text = format.slice(pending, until);
    if (text === '') return;
    steps.push(text.includes('%') ? (_instant, civil) => strftime(text, civil()) : () => text);
  };
  while (at < format.length) {
    const percent = format.indexOf('%', at);
    if (percent < 0) break;
    if (pending === at) {
      flush(percent);
      pending = percent;
    }
    let run = percent;
    while (format[run] === '%') run += 1;
    if (pending === percent) {
      const pairs = Math.floor((run - percent) / 2);
      if (pairs > 0) steps.push(() => '%'.repeat(pairs));
      pending += pairs * 2;
      if (run === format.length && pending !== run) {
        steps.push(() => '%');
        pending = run;
      }
    }
    at = run;
    if (run === format.length || (run - percent) % 2 === 0) continue;
    const own = ownConversion(format.slice(run));
    if (own === undefined) continue;
    flush(run - 1);
    steps.push(own.convert);
    at = pending = run + own.length;
  }
  flush(format.length);
  return (instant, civil) => {
    let text = '';
    for (const step of steps) text += step(instant, civil);
    return text;
  };
}

interface OwnConversion {
  /** Characters after the percent sign. */
  readonly length: number;
  readonly convert: (instant: Instant, civil: () => CivilTime) => string;
}

function ownConversion(rest: string): OwnConversion | undefined {
  const two = (value: number): string => String(value).padStart(2, '0');
  switch (rest[0]) {
    case 'Y':
      return { length: 1, convert: (_, civil) => String(civil().year) };
    case 'Z':
      return { length: 1, convert: (_, civil) => civil().zone };
    case 'U':
      return { length: 1, convert: (_, civil) => two(weekOfYear(civil(), 0)) };
    case 'W':
      return { length: 1, convert: (_, civil) => two(weekOfYear(civil(), 1)) };
    case 'm':
    case 'd':
    case 'e':
    case 'u':
    case 'w':
    case 'H':
    case 'M':
    case 'S':
    case 'T':
    case 'z': {
      const sequence = `%${rest[0]}`;
      return { length: 1, convert: (_, civil) => strftime(sequence, civil()) };
    }
    case ':': {
      const colons = /^(:{1,3})z/.exec(rest)?.[1]?.length;
      if (colons === undefined) return undefined;
      return { length: colons + 1, convert: (_, civil) => offsetWith(civil().offset, colons) };
    }
    case 'E':
      return extension(rest);
    default:
      return undefined;
  }
}

/** `%:z` is +hh:mm, `%::z` adds seconds, `%:::z` has no more than is needed. */
function offsetWith(minutes: number, colons: number): string {
  if (colons === 1) return formatOffset(minutes, ':');
  if (colons === 2) return `${formatOffset(minutes, ':')}:00`;
  const text = formatOffset(minutes, ':');
  return text.endsWith(':00') ? text.slice(0, 3) : text;
}

function extension(rest: string): OwnConversion | undefined {
  const found = EXTENSION.exec(rest);
  if (found === null) return undefined;
  const length = found[0].length;
  const seconds = (civil: () => CivilTime): string => String(civil().second).padStart(2, '0');
  switch (found[0]) {
    case 'ET':
      return { length, convert: () => 'T' };
    case 'Ez':
      return { length, convert: (_, civil) => offsetWith(civil().offset, 1) };
    case 'E*z':
      return { length, convert: (_, civil) => offsetWith(civil().offset, 2) };
    case 'E4Y':
      return { length, convert: (_, civil) => String(civil().year).padStart(4, '0') };
    case 'E*S':
      return {
        length,
        convert: (instant, civil) => withFraction(seconds(civil), nanoText(instant).replace(/0+$/, '')),
      };
    case 'E*f':
      return { length, convert: (instant) => nanoText(instant).replace(/0+$/, '') || '0' };
    default: {
      const count = Math.min(Number(found[1]), 18);
      const fraction = (instant: Instant): string => nanoText(instant).padEnd(18, '0').slice(0, count);
      if (found[2] === 'f') return { length, convert: fraction };
      return { length, convert: (instant, civil) => withFraction(seconds(civil), fraction(instant)) };
    }
  }
}

function withFraction(seconds: string, fraction: string): string {
  return fraction === '' ? seconds : `${seconds}.${fraction}`;
}
