import { describe, expect, it } from 'vitest';
import { effectiveExportTo, exportedTo } from '../../../src/core/match/visibility.ts';

function sees(exportTo: readonly string[], client: string, owner = 'team-a'): boolean {
  return exportedTo(new Set(exportTo), owner, client);
}

describe('exportTo', () => {
  it('shows `*` to every namespace', () => {
    expect(sees(['*'], 'anywhere')).toBe(true);
  });

  it('shows `.` to the own namespace only', () => {
    expect(sees(['.'], 'team-a')).toBe(true);
    expect(sees(['.'], 'team-b')).toBe(false);
  });

  it('shows a resource to the namespaces it names, and not to its own unless named', () => {
    expect(sees(['team-b', 'team-c'], 'team-c')).toBe(true);
    expect(sees(['team-b'], 'team-a')).toBe(false);
  });

  it('shows `~` to nobody, unless `*` stands beside it', () => {
    expect(sees(['~'], 'team-a')).toBe(false);
    expect(sees(['~', 'team-a'], 'team-a')).toBe(false);
    expect(sees(['*', '~'], 'team-b')).toBe(true);
  });

  it('takes the mesh default where a resource names nothing, and everyone where that is empty too', () => {
    expect([...effectiveExportTo(undefined, ['.', 'ops'])]).toEqual(['.', 'ops']);
    expect([...effectiveExportTo([], ['.'])]).toEqual(['.']);
    expect([...effectiveExportTo(['team-b'], ['.'])]).toEqual(['team-b']);
    expect([...effectiveExportTo(undefined, [])]).toEqual(['*']);
  });
});
