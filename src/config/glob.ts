/** Glob patterns over the file system: `*`, `?`, `[a-z]`, `{a,b}` within a name, `**` for any depth. Node 20 has none of its own. */
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';

export function isGlob(text: string): boolean {
  return /[*?[{]/.test(text);
}

/** Files that the pattern names, sorted. Names that begin with a dot match only a pattern that does too. */
export function findByGlob(pattern: string): readonly string[] {
  const found = new Set<string>();
  for (const alternative of expandBraces(pattern.replaceAll('\\', '/'))) {
    const absolute = alternative.startsWith('/');
    const segments = alternative.split('/').filter((segment) => segment !== '' && segment !== '.');
    walk(absolute ? '/' : '', segments, found);
  }
  return [...found].sort();
}

function walk(directory: string, segments: readonly string[], found: Set<string>): void {
  const [segment, ...rest] = segments;
  if (segment === undefined) return;
  if (segment === '**') {
    walk(directory, rest.length === 0 ? ['*'] : rest, found);
    for (const name of subdirectories(directory)) walk(path.join(directory, name), segments, found);
    return;
  }
  for (const name of matching(directory, segment)) {
    const full = path.join(directory, name);
    const stat = statSync(full, { throwIfNoEntry: false });
    if (rest.length === 0 && stat?.isFile() === true) found.add(full);
    else if (rest.length > 0 && stat?.isDirectory() === true) walk(full, rest, found);
  }
}

function matching(directory: string, segment: string): readonly string[] {
  if (!isGlob(segment)) return [segment];
  const pattern = toRegExp(segment);
  return names(directory).filter((name) => pattern.test(name) && (!name.startsWith('.') || segment.startsWith('.')));
}

/** Links are not followed: one to a directory above would be walked for ever. */
function subdirectories(directory: string): readonly string[] {
  try {
    return readdirSync(directory === '' ? '.' : directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'node_modules')
      .map((entry) => entry.name);
  } catch {
    return [];
  }
}

function names(directory: string): readonly string[] {
  try {
    return readdirSync(directory === '' ? '.' : directory);
  } catch {
    return [];
  }
}

function toRegExp(segment: string): RegExp {
  const source = segment.replace(/\[!?[^\]]+\]|[\s\S]/g, (token) => {
    if (token === '*') return '.*';
    if (token === '?') return '.';
    if (token.length > 1) return token.replace('[!', '[^');
    return token.replace(/[$()+.\\[\]^{|}]/, '\\$&');
  });
  return new RegExp(`^${source}$`);
}

function expandBraces(pattern: string): readonly string[] {
  const match = /\{([^{}]*)\}/.exec(pattern);
  if (match === null) return [pattern];
  const [whole, inner = ''] = match;
  const before = pattern.slice(0, match.index);
  const after = pattern.slice(match.index + whole.length);
  return inner.split(',').flatMap((choice) => expandBraces(before + choice + after));
}
