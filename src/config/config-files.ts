/** Paths, directories and glob patterns -> the texts to read, in a stable order, and what is wrong with the paths. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Diagnostic } from '../core/model/diagnostic.ts';
import { type LoadingCode, levelOf } from './diagnostics.ts';
import { findByGlob, isGlob } from './glob.ts';
import type { ConfigSource } from './sources.ts';

const CONFIG_FILE = /\.(?:ya?ml|json)$/i;

/** Files of other tools that lie beside resources and hold none. A path that names one reads it all the same. */
const OTHER_TOOLS = /^(?:kustomization\.ya?ml|Chart\.ya?ml|package(?:-lock)?\.json|tsconfig\.json)$/;

export interface ConfigFiles {
  readonly sources: readonly ConfigSource[];
  readonly diagnostics: readonly Diagnostic[];
}

/** A file named twice, or by two patterns, is read once. */
export function readConfigFiles(paths: readonly string[]): ConfigFiles {
  const files = new Set<string>();
  const diagnostics: Diagnostic[] = [];
  for (const given of paths) {
    const found = expand(given);
    if ('code' in found) diagnostics.push(found);
    else for (const file of found) files.add(file);
  }
  const sources: ConfigSource[] = [];
  for (const file of files) {
    const read = readText(file);
    if ('text' in read) sources.push(read);
    else diagnostics.push(read);
  }
  return { sources, diagnostics };
}

function expand(given: string): readonly string[] | Diagnostic {
  const stat = statSync(given, { throwIfNoEntry: false });
  if (stat?.isDirectory() === true) {
    const files = filesBelow(given);
    return files.length > 0
      ? files
      : about('SCL0202', given, 'the directory holds no `.yaml`, `.yml` or `.json` file', 'put the policy into it');
  }
  if (stat !== undefined) return [given];
  if (!isGlob(given)) return about('SCL0201', given, 'there is no such file or directory', 'check the path');
  const files = findByGlob(given);
  return files.length > 0 ? files : about('SCL0201', given, 'no file matches the pattern', 'check the path');
}

/** Directories whose names begin with a dot are passed over: mounted ConfigMaps keep their old versions there. */
function filesBelow(directory: string): readonly string[] {
  const entries = readdirSync(directory, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const full = path.join(directory, entry.name);
    if (entry.name.startsWith('.')) return [];
    if (entry.isDirectory()) return filesBelow(full);
    return CONFIG_FILE.test(entry.name) && !OTHER_TOOLS.test(entry.name) ? [full] : [];
  });
}

function readText(file: string): ConfigSource | Diagnostic {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file));
    return { file, text };
  } catch (error) {
    const reason = error instanceof TypeError ? 'it is not UTF-8' : reasonOf(error);
    return about('SCL0204', file, `the file cannot be read: ${reason}`);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

function about(code: LoadingCode, file: string, message: string, fix?: string): Diagnostic {
  return { code, level: levelOf(code), message, location: { file }, ...(fix === undefined ? {} : { fix }) };
}
