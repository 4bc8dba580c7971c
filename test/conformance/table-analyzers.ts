import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { AnalyzedResource, MeshSettings } from '../../src/config/analyze/analysis.ts';
import { runChecks } from '../../src/config/analyze/analyze.ts';
import { checks } from '../../src/config/analyze/checks.ts';
import { compare, notApplicable, type TableCase, type Verdict } from './table.ts';

interface Message {
  readonly code: string;
  /** `Kind namespace/name`. */
  readonly resource: string;
}

/** What every run sees beside the fixture's own resources. */
const implicit = JSON.parse(
  gunzipSync(readFileSync(new URL('tables/analyzers-implicit.json.gz', import.meta.url))).toString('utf8'),
) as AnalyzedResource[];

/** The same codes on the same resources. */
export function analyzersTable(tableCase: TableCase): Verdict[] {
  const analyzer = tableCase['analyzer'] as string;
  const check = checks.find(
    ({ istio }) => istio !== undefined && (analyzer === istio || analyzer.startsWith(`${istio}.`)),
  );
  if (check === undefined) return [notApplicable('unknown analyzer')];
  const resources = tableCase['resources'] as AnalyzedResource[];
  const found = runChecks([check], [...implicit, ...resources], tableCase['meshConfig'] as MeshSettings | undefined);
  // One check of ours validates all kinds; Istio has an analyzer each.
  const kind = analyzer === check.istio ? undefined : analyzer.slice(analyzer.lastIndexOf('.') + 1);
  const ours = found
    .filter(({ resource }) => kind === undefined || resource?.kind === kind)
    .map(
      ({ code, resource }) =>
        `${code} ${resource?.kind} ${[resource?.namespace, resource?.name].filter(Boolean).join('/')}`,
    );
  const recorded = (tableCase['expected'] as Message[]).map(({ code, resource }) => `${code} ${resource}`);
  return [compare(distinct(recorded), distinct(ours))];
}

function distinct(messages: readonly string[]): string[] {
  return [...new Set(messages)].sort();
}
