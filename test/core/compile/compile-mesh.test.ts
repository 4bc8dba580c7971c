import { describe, expect, it } from 'vitest';
import { compileMeshConfig } from '../../../src/core/index.ts';
import { policy } from '../decide/policy.ts';

describe('compiling a MeshConfig', () => {
  it('happens once for each asker, known by what it is and not by which object', () => {
    const mesh = policy('');
    expect(compileMeshConfig(mesh)).toBe(compileMeshConfig(mesh));
    expect(compileMeshConfig(mesh, mesh.workload)).toBe(compileMeshConfig(mesh));
    const a = compileMeshConfig(mesh, { namespace: 'team-a', labels: { app: 'x', version: 'v1' } });
    expect(compileMeshConfig(mesh, { namespace: 'team-a', labels: { version: 'v1', app: 'x' } })).toBe(a);
    expect(compileMeshConfig(mesh, { namespace: 'team-a', labels: { app: 'x' } })).not.toBe(a);
    expect(
      compileMeshConfig(mesh, { namespace: 'team-a', type: 'router', labels: { app: 'x', version: 'v1' } }),
    ).not.toBe(a);
  });

  it('happens again for another MeshConfig', () => {
    expect(compileMeshConfig(policy(''))).not.toBe(compileMeshConfig(policy('')));
  });
});
