import { RE2JS } from 're2js';

/**
 * Compiles a `uriRegexRewrite`: every match of the RE2 expression is replaced. In the substitution `\1` to `\9` are
 * groups, `\0` the whole match and `\\` a backslash. An expression that is none changes nothing.
 */
export function compileRegexRewrite(match: string, substitution: string): (path: string) => string {
  const pattern = parse(match);
  if (pattern === undefined) return (path) => path;
  const pieces = parseSubstitution(substitution);
  return (path) => {
    const matcher = pattern.matcher(path);
    let result = '';
    let last = 0;
    let previousEnd = -1;
    while (matcher.find()) {
      const start = matcher.start();
      const end = matcher.end();
      // RE2 finds no empty match where the last one ended.
      if (start === end && start === previousEnd) continue;
      result += path.slice(last, start);
      for (const piece of pieces) {
        result += typeof piece === 'string' ? piece : groupOf(matcher, piece);
      }
      last = end;
      previousEnd = end;
    }
    return result + path.slice(last);
  };
}

function parse(regex: string): RE2JS | undefined {
  try {
    return RE2JS.compile(regex);
  } catch {
    return undefined;
  }
}

function groupOf(matcher: ReturnType<RE2JS['matcher']>, group: number): string {
  return group <= matcher.groupCount() ? (matcher.group(group) ?? '') : '';
}

/** Literal texts and numbers of groups. */
function parseSubstitution(substitution: string): (string | number)[] {
  const pieces: (string | number)[] = [];
  let text = '';
  for (let at = 0; at < substitution.length; at += 1) {
    const letter = substitution.charAt(at);
    const next = substitution.charAt(at + 1);
    if (letter !== '\\' || next === '') {
      text += letter;
      continue;
    }
    at += 1;
    if (next < '0' || next > '9') {
      text += next;
      continue;
    }
    if (text !== '') pieces.push(text);
    text = '';
    pieces.push(Number(next));
  }
  if (text !== '') pieces.push(text);
  return pieces;
}
