/**
 * Conversions of C's strftime in the C locale with glibc's flags, widths and modifiers (`%-d`, `%_H`, `%^B`, `%5Y`, `%Od`).
 * What is no conversion stays as it stands.
 */

/** A point of time taken apart in one time zone. */
export interface CivilTime {
  readonly year: number;
  /** 1-12. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  /** 0 is Sunday. */
  readonly weekday: number;
  /** 1-366. */
  readonly dayOfYear: number;
  /** Minutes east of UTC. */
  readonly offset: number;
  /** Abbreviation of the zone. */
  readonly zone: string;
  /** What C's `%Z` names: it is not told the zone of the time and falls back to the process's own. */
  readonly processZone: string;
  readonly epochSeconds: number;
}

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];

/** Conversions that stand for a longer format. */
const COMPOSED: Readonly<Record<string, string>> = {
  c: '%a %b %e %H:%M:%S %Y',
  D: '%m/%d/%y',
  F: '%Y-%m-%d',
  r: '%I:%M:%S %p',
  R: '%H:%M',
  T: '%H:%M:%S',
  x: '%m/%d/%y',
  X: '%H:%M:%S',
};

/** The letters that each modifier may precede; before any other the sequence is no conversion. */
const MODIFIED: Readonly<Record<string, string>> = {
  '': 'aAbBcCdDeFgGhHIjklmMnpPrRsStTuUVwWxXyYzZ%',
  E: 'cCnpPsTtuwxXyYzZ',
  O: 'bBdegGhHIjklmMnpPrRsStTuUVwWyzZ',
};

interface Directive {
  readonly pad: '' | '_' | '-' | '0';
  readonly upper: boolean;
  readonly swapCase: boolean;
  readonly width: number;
}

const SEQUENCE = /%([_\-0^#+]*)(\d*)([EO]?)([^]?)/gu;

export function strftime(format: string, time: CivilTime): string {
  return format.replace(SEQUENCE, (sequence, flags: string, width: string, modifier: string, letter: string) => {
    const directive: Directive = {
      pad: lastPad(flags),
      upper: flags.includes('^'),
      swapCase: flags.includes('#'),
      width: width === '' ? 0 : Math.min(Number(width), 1024),
    };
    const known = letter !== '' && (MODIFIED[modifier] ?? '').includes(letter);
    return known ? convert(letter, time, directive) : padText(sequence, directive);
  });
}

function lastPad(flags: string): Directive['pad'] {
  const pads = flags.replace(/[^_\-0]/g, '');
  return pads.slice(-1) as Directive['pad'];
}

function padText(text: string, directive: Directive): string {
  if (directive.pad === '-') return text;
  return text.padStart(directive.width, directive.pad === '0' ? '0' : ' ');
}

function convert(letter: string, time: CivilTime, directive: Directive): string {
  const composed = COMPOSED[letter];
  if (composed !== undefined)
    return padText(directive.upper ? strftime(composed, time).toUpperCase() : strftime(composed, time), directive);
  switch (letter) {
    case 'a':
      return word(DAYS[time.weekday]?.slice(0, 3), directive);
    case 'A':
      return word(DAYS[time.weekday], directive);
    case 'b':
    case 'h':
      return word(MONTHS[time.month - 1]?.slice(0, 3), directive);
    case 'B':
      return word(MONTHS[time.month - 1], directive);
    case 'p':
      return word(
        time.hour < 12 ? 'AM' : 'PM',
        directive.swapCase ? { ...directive, swapCase: false, upper: false } : directive,
        directive.swapCase,
      );
    case 'P':
      return word(time.hour < 12 ? 'am' : 'pm', { ...directive, swapCase: false, upper: false });
    case 'Z':
      return word(time.processZone, { ...directive, swapCase: false }, directive.swapCase);
    case 'n':
      return padText('\n', directive);
    case 't':
      return padText('\t', directive);
    case '%':
      return padText('%', directive);
    case 'z':
      return padText(formatOffset(time.offset, ''), directive);
    default:
      return convertNumber(letter, time, directive);
  }
}

function word(text = '?', directive: Directive, lower = false): string {
  const cased = lower ? text.toLowerCase() : directive.upper || directive.swapCase ? text.toUpperCase() : text;
  return padText(cased, directive);
}

function convertNumber(letter: string, time: CivilTime, directive: Directive): string {
  const hour12 = time.hour % 12 === 0 ? 12 : time.hour % 12;
  switch (letter) {
    case 'C':
      return digits(Math.floor(time.year / 100), 2, directive);
    case 'd':
      return digits(time.day, 2, directive);
    case 'e':
      return digits(time.day, 2, directive, '_');
    case 'g':
      return digits(modulo(isoWeek(time).year, 100), 2, directive);
    case 'G':
      return digits(isoWeek(time).year, 4, directive);
    case 'H':
      return digits(time.hour, 2, directive);
    case 'I':
      return digits(hour12, 2, directive);
    case 'j':
      return digits(time.dayOfYear, 3, directive);
    case 'k':
      return digits(time.hour, 2, directive, '_');
    case 'l':
      return digits(hour12, 2, directive, '_');
    case 'm':
      return digits(time.month, 2, directive);
    case 'M':
      return digits(time.minute, 2, directive);
    case 's':
      return digits(time.epochSeconds, 1, directive);
    case 'S':
      return digits(time.second, 2, directive);
    case 'u':
      return digits(time.weekday === 0 ? 7 : time.weekday, 1, directive);
    case 'U':
      return digits(weekOfYear(time, 0), 2, directive);
    case 'V':
      return digits(isoWeek(time).week, 2, directive);
    case 'w':
      return digits(time.weekday, 1, directive);
    case 'W':
      return digits(weekOfYear(time, 1), 2, directive);
    case 'y':
      return digits(modulo(time.year, 100), 2, directive);
    default:
      return digits(time.year, 4, directive);
  }
}

function digits(value: number, count: number, directive: Directive, defaultPad: '0' | '_' = '0'): string {
  const pad = directive.pad === '' ? defaultPad : directive.pad;
  const text = String(value);
  return pad === '-' ? text : text.padStart(Math.max(count, directive.width), pad === '0' ? '0' : ' ');
}

function modulo(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor;
}

/** Week of the year when weeks start on `first` (0 Sunday, 1 Monday); days before the first such day are week 0. */
export function weekOfYear(time: CivilTime, first: 0 | 1): number {
  return Math.floor((time.dayOfYear - 1 + 7 - modulo(time.weekday - first, 7)) / 7);
}

function isoWeek(time: CivilTime): { year: number; week: number } {
  const week = Math.floor((time.dayOfYear - modulo(time.weekday - 1, 7) + 9) / 7);
  if (week < 1) return { year: time.year - 1, week: isoWeeksIn(time.year - 1) };
  if (week > isoWeeksIn(time.year)) return { year: time.year + 1, week: 1 };
  return { year: time.year, week };
}

function isoWeeksIn(year: number): number {
  const lastWeekday = (y: number): number =>
    modulo(y + Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400), 7);
  return lastWeekday(year) === 4 || lastWeekday(year - 1) === 3 ? 53 : 52;
}

/** `+0530` for minutes east of UTC, with a separator `+05:30`. */
export function formatOffset(minutes: number, separator: string): string {
  const total = Math.abs(minutes);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(total / 60))}${separator}${two(total % 60)}`;
}
