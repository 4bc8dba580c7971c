/** The format of the recorded scenarios, and how files and folders of them are read. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Connection } from '../../src/index.ts';

/** What was recorded of one call; the fields are said in README.md. */
export type Expected = Readonly<Record<string, unknown>>;

export interface Call {
  readonly name: string;
  readonly connection: Connection;
  readonly expect: Expected;
}

export interface Scenario {
  readonly id: string;
  readonly family: string;
  readonly about: string;
  /** YAML of MeshConfig overrides; empty: Istio's defaults. */
  readonly meshConfig: string;
  readonly resources: string;
  readonly kubernetes?: string;
  readonly workload: {
    readonly namespace: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly ips?: readonly string[];
  };
  readonly proxyType: 'sidecar' | 'router';
  readonly calls: readonly Call[];
}

/** All scenarios of the files, and of the `.json` and `.json.gz` files directly inside the folders. */
export function readScenarios(paths: readonly string[]): Scenario[] {
  return paths.flatMap((path) => jsonFiles(path)).flatMap((file) => readJson(file) as Scenario[]);
}

/** The file itself, or the recorded files of a folder in alphabetical order. */
export function jsonFiles(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .filter((name) => /\.json(\.gz)?$/.test(name))
    .sort()
    .map((name) => join(path, name));
}

export function readJson(file: string): unknown {
  const bytes = readFileSync(file);
  return JSON.parse((file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8'));
}
