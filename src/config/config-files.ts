/** Paths, directories and glob patterns -> the files to read, in a stable order. */
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { findByGlob, isGlob } from './glob.ts';

const CONFIG_FILE = /\.(?:ya?ml|json)$/i;

export function findConfigFiles(paths: readonly string[]): readonly string[] {
  const files = new Set<string>();
  for (const given of paths) {
    for (const file of expand(given)) files.add(file);
  }
  return [...files];
}

function expand(given: string): readonly string[] {
  const stat = statSync(given, { throwIfNoEntry: false });
  if (stat === undefined) return isGlob(given) ? findByGlob(given) : [];
  return stat.isDirectory() ? filesBelow(given) : [given];
}

function filesBelow(directory: string): readonly string[] {
  const entries = readdirSync(directory, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const full = path.join(directory, entry.name);
    if (entry.name.startsWith('.')) return [];
    if (entry.isDirectory()) return filesBelow(full);
    return CONFIG_FILE.test(entry.name) ? [full] : [];
  });
}
