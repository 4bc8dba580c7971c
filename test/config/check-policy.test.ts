import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checks } from '../../src/config/analyze/checks.ts';
import { checkPolicy } from '../../src/config/check-policy.ts';

const root = new URL('../..', import.meta.url).pathname;
const fixture = (id: string): string => `${root}test/fixtures/checks/${id}/bad.yaml`;

const examples = readdirSync(`${root}examples`).filter((name) => existsSync(`${root}examples/${name}/mesh`));

const found = (path: string): string[] =>
  checkPolicy([path]).diagnostics.map(
    ({ code, field, location }) => `${code} ${field ?? ''} ${location?.line ?? '?'}:${location?.column ?? '?'}`,
  );

describe('checkPolicy', () => {
  it.each(examples)('finds no error in the example %s', (name) => {
    const { diagnostics, meshConfig } = checkPolicy([`${root}examples/${name}/mesh`]);
    expect(diagnostics.filter(({ level }) => level === 'error')).toEqual([]);
    expect(meshConfig).toBeDefined();
  });

  it.each(checks)('says what the check $id says, from files', ({ id, codes }) => {
    const said = new Set(checkPolicy([fixture(id)]).diagnostics.map(({ code }) => code));
    for (const code of codes) expect(said).toContain(code);
  });

  it('places the findings of checks at their fields, and says each thing once', () => {
    expect(found(fixture('destination-host'))).toEqual([
      'IST0101 spec.http[0].route[0].destination.host 28:26',
      'IST0112 spec.http[1].route[0].destination.port 30:11',
      'IST0101 spec.http[0].route[0].destination.subset 38:55',
      'IST0101 spec.gateways[0] 45:14',
      'IST0132 spec.gateways[0] 45:14',
      'IST0140 spec.http[0].route[0].destination.host 47:32',
    ]);
  });

  it('knows the Secrets of the files', () => {
    const { diagnostics } = checkPolicy([fixture('gateway-credential')]);
    expect(diagnostics.map(({ code }) => code)).toContain('IST0161');
  });

  it('goes on with what is well-formed when something is refused', () => {
    const { meshConfig, diagnostics } = checkPolicy([fixture('schema')]);
    expect(meshConfig).toBeUndefined();
    expect(new Set(diagnostics.map(({ code }) => code))).toEqual(
      new Set(['IST0106', 'IST0130', 'IST0131', 'IST0133', 'IST0134', 'SCL2006', 'SCL2009']),
    );
  });

  it('reports paths that lead nowhere', () => {
    expect(found('/nowhere/mesh.yaml')).toEqual(['SCL0201  ?:?']);
  });
});
