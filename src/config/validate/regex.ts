import { RE2JS } from 're2js';

const MAX_REGEX = 1024;

/** Istio takes RE2's syntax and 1024 bytes at most. */
export function regexProblem(regex: string): string | undefined {
  if (Buffer.byteLength(regex) > MAX_REGEX) return `the regex is longer than ${MAX_REGEX} characters`;
  try {
    RE2JS.compile(regex);
    return undefined;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return `the regex is not valid in RE2's syntax (${reason})`;
  }
}

export const REGEX_FIX = 'RE2 has no look-around and no back-references; write it without them';
