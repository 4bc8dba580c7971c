/** Paths of fields as people write them: `spec.http[0].match[1].headers["x-user"]`. */
import type { FieldPath } from './parse-yaml.ts';

const PLAIN_NAME = /^[A-Za-z_$][\w$]*$/;

export function formatFieldPath(path: FieldPath): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (PLAIN_NAME.test(step)) text += text === '' ? step : `.${step}`;
    else text += `[${JSON.stringify(step)}]`;
  }
  return text;
}

/**
 * The steps of a written path, told apart with the help of the value it is about: map keys may hold dots, dashes and
 * brackets. Stops where the value has no such field; what is left is then one last step.
 */
export function resolveFieldPath(text: string, value: unknown): FieldPath {
  const path: (string | number)[] = [];
  let rest = text;
  let inside = value;
  while (rest !== '') {
    const step = nextStep(rest, inside);
    path.push(step.name);
    rest = step.rest;
    inside = typeof inside === 'object' && inside !== null ? (inside as Record<string, unknown>)[step.name] : undefined;
  }
  return path;
}

interface Step {
  readonly name: string | number;
  readonly rest: string;
}

function nextStep(text: string, inside: unknown): Step {
  const bracket = /^\.?\[(?:"((?:[^"\\]|\\.)*)"|([^\]]*))\]/.exec(text);
  if (bracket !== null) {
    const name = bracket[1] ?? bracket[2] ?? '';
    const index = Array.isArray(inside) && /^\d+$/.test(name) ? Number(name) : name;
    return { name: index, rest: text.slice(bracket[0].length) };
  }
  const trimmed = text.startsWith('.') ? text.slice(1) : text;
  const known = knownKeys(inside).filter((key) => startsWithKey(trimmed, key));
  const longest = known.sort((a, b) => b.length - a.length)[0];
  const name = longest ?? /^[^.[]+/.exec(trimmed)?.[0] ?? trimmed;
  return { name, rest: trimmed.slice(name.length) };
}

function knownKeys(value: unknown): string[] {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.keys(value) : [];
}

function startsWithKey(text: string, key: string): boolean {
  const after = text.charAt(key.length);
  return key !== '' && text.startsWith(key) && (after === '' || after === '.' || after === '[');
}
