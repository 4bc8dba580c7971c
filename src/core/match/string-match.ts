import { RE2JS } from 're2js';
import type { StringMatch } from '../model/virtual-service.ts';

export interface StringMatchOptions {
  /** For `exact` and `prefix`, over ASCII letters; a regex keeps its own case, as in Envoy. */
  readonly ignoreCase?: boolean;
}

/**
 * Compiles once what is asked often. A match with none of the three fields accepts anything.
 * Throws what {@link compileRegex} throws.
 */
export function compileStringMatch(match: StringMatch, options: StringMatchOptions = {}): (value: string) => boolean {
  const { exact, prefix, regex } = match;
  if (exact !== undefined) {
    if (options.ignoreCase !== true) return (value) => value === exact;
    const lowered = lowerAscii(exact);
    return (value) => value.length === lowered.length && lowerAscii(value) === lowered;
  }
  if (prefix !== undefined) {
    if (options.ignoreCase !== true) return (value) => value.startsWith(prefix);
    const lowered = lowerAscii(prefix);
    return (value) => value.length >= lowered.length && lowerAscii(value.slice(0, lowered.length)) === lowered;
  }
  return regex === undefined ? () => true : compileRegex(regex);
}

/** An RE2 expression that must match the whole value, in time linear in its length. Throws RangeError when it is none. */
export function compileRegex(regex: string): (value: string) => boolean {
  const pattern = parseRegex(regex);
  return (value) => pattern.matches(value);
}

function parseRegex(regex: string): RE2JS {
  try {
    return RE2JS.compile(regex);
  } catch (error) {
    throw new RangeError(`not an RE2 regular expression: ${regex}`, { cause: error });
  }
}

/** Lower case of A-Z alone; other letters keep their case, as in HTTP. */
export function lowerAscii(text: string): string {
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit > 127) return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
    if (unit >= 65 && unit <= 90) {
      if (isAscii(text, at)) return text.toLowerCase();
      return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
    }
  }
  return text;
}

function isAscii(text: string, from: number): boolean {
  for (let at = from; at < text.length; at += 1) if (text.charCodeAt(at) > 127) return false;
  return true;
}
