/** Which annotation values Istio's injector, its CNI plugin and its rule installer accept, against ours. */
import { checkAnnotation } from '../../src/config/capture-annotation.ts';
import type { ComparisonResult } from './capture-rows.ts';

interface RecordedVerdict {
  readonly ok: boolean;
}

export interface AnnotationRow {
  readonly annotation: string;
  readonly value: string;
  /** The injector's verdict. */
  readonly ok: boolean;
  readonly cni?: RecordedVerdict;
  readonly install?: RecordedVerdict;
}

export function compareAnnotations(rows: readonly AnnotationRow[]): ComparisonResult {
  const result: ComparisonResult = { agreed: 0, differences: [], counts: {} };
  for (const row of rows) {
    const ours = checkAnnotation(row.annotation, row.value);
    compare(result, 'injector', row, row.ok, ours.injector);
    if (row.cni !== undefined) compare(result, 'CNI plugin', row, row.cni.ok, ours.cniPlugin);
    if (row.install === undefined) continue;
    // What the injector refuses never comes to the installer.
    if (row.ok) compare(result, 'rule installer', row, row.install.ok, ours.ruleInstaller);
    else add(result, 'out of scope: rule installer with a value that the injector refuses');
  }
  return result;
}

function compare(
  result: ComparisonResult,
  by: string,
  { annotation, value }: AnnotationRow,
  expected: boolean,
  problem: string | undefined,
): void {
  add(result, by);
  if (expected === (problem === undefined)) result.agreed += 1;
  else
    result.differences.push(
      `${by}: ${annotation}=${JSON.stringify(value)}: expected ok=${expected}, actual ${problem}`,
    );
}

function add(result: ComparisonResult, what: string): void {
  result.counts[what] = (result.counts[what] ?? 0) + 1;
}
