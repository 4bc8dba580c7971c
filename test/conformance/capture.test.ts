import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type AnnotationRow, compareAnnotations } from './capture-annotations.ts';
import { type CaptureRow, compareCapture } from './capture-rows.ts';
import { readJson } from './scenarios.ts';

function recorded(name: string): unknown {
  return readJson(fileURLToPath(new URL(`capture/${name}.json.gz`, import.meta.url)));
}

describe('what a kernel captured under the rules of Istio', () => {
  it('is what we capture', () => {
    const { agreed, differences } = compareCapture(recorded('capture') as CaptureRow[]);
    expect(differences).toEqual([]);
    expect(agreed).toBeGreaterThan(18_000);
  });

  it('notices a difference', () => {
    const rows = (recorded('capture') as CaptureRow[]).slice(0, 1);
    const flipped = rows.map((row) => ({
      ...row,
      calls: row.calls.map((call) => ({ ...call, expect: call.expect === 'bypass' ? 'captured' : 'bypass' }) as const),
    }));
    expect(compareCapture(flipped).differences.length).toBeGreaterThan(10);
  });
});

describe('the values of annotations', () => {
  it('are accepted and refused as by the injector, the CNI plugin and the rule installer', () => {
    const { agreed, differences } = compareAnnotations(recorded('annotations') as AnnotationRow[]);
    expect(differences).toEqual([]);
    expect(agreed).toBeGreaterThan(600);
  });
});
