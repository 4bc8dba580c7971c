import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { AnalyzedResource } from '../../../src/config/analyze/analysis.ts';
import { analyzeMeshConfig, runChecks } from '../../../src/config/analyze/analyze.ts';
import { checkCodes } from '../../../src/config/analyze/check-codes.ts';
import { checks } from '../../../src/config/analyze/checks.ts';
import { checkPolicy } from '../../../src/config/check-policy.ts';
import { parseMeshConfig } from '../../../src/config/load.ts';
import { createAuthority } from '../../tls/certificates.ts';

const fixtures = new URL('../../fixtures/checks/', import.meta.url);

function fixture(id: string, kind: 'good' | 'bad'): string {
  return readFileSync(new URL(`${id}/${kind}.yaml`, fixtures), 'utf8');
}

async function resourcesOf(id: string, kind: 'good' | 'bad'): Promise<AnalyzedResource[]> {
  const resources = parseAllDocuments(fixture(id, kind)).map((document) => document.toJS() as AnalyzedResource);
  if (id !== 'gateway-credential' || kind === 'bad') return resources;
  const { cert, key } = await createAuthority();
  const text = JSON.stringify(resources)
    .replace('"CERTIFICATE"', JSON.stringify(cert))
    .replace('"KEY"', JSON.stringify(key));
  return JSON.parse(text) as AnalyzedResource[];
}

describe.each(checks)('$id', (check) => {
  it('finds what is wrong in the bad example', async () => {
    const found = runChecks([check], await resourcesOf(check.id, 'bad'));
    expect([...new Set(found.map(({ code }) => code))].sort()).toEqual([...check.codes].sort());
    for (const { code, level, message, resource } of found) {
      expect(level).toBe(checkCodes[code as keyof typeof checkCodes].level);
      expect(message).toMatch(/^[^\n]+[^.\n]$/);
      expect(resource?.kind).toBeDefined();
    }
  });

  it('is silent about the good example', async () => {
    expect(runChecks([check], await resourcesOf(check.id, 'good'))).toEqual([]);
  });
});

describe('the list of checks', () => {
  it('has a folder of examples for each, and no other', () => {
    expect(readdirSync(fixtures).sort()).toEqual(checks.map(({ id }) => id).sort());
    expect(checks.every(({ id }) => existsSync(new URL(`${id}/bad.yaml`, fixtures)))).toBe(true);
  });

  it('covers every code', () => {
    expect([...new Set(checks.flatMap(({ codes }) => codes))].sort()).toEqual(Object.keys(checkCodes).sort());
  });

  it('has a section of the page for each', () => {
    const page = readFileSync(new URL('../../../docs/checks.md', import.meta.url), 'utf8');
    const sections = [...page.matchAll(/^## ([a-z][a-z-]+)$/gm)].map(([, id]) => id);
    expect(sections).toEqual(checks.map(({ id }) => id));
    for (const code of Object.keys(checkCodes)) expect(page).toContain(code);
  });
});

describe('analyzeMeshConfig', () => {
  it('takes a loaded MeshConfig and says where the resource stands', () => {
    const meshConfig = parseMeshConfig({ text: fixture('public-suffix', 'bad'), file: 'bad.yaml' });
    const found = analyzeMeshConfig(meshConfig).filter(({ code }) => code === 'SCL2002');
    expect(found).toHaveLength(4);
    expect(found[0]?.location?.file).toBe('bad.yaml');
  });

  it('says nothing of pods and Secrets when it knows none', () => {
    const gateway = fixture('gateway-port', 'bad')
      .split('---')
      .filter((text) => text.includes('kind: Gateway'))
      .join('---');
    expect(analyzeMeshConfig(parseMeshConfig(gateway)).filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('opens a List', () => {
    const items = parseAllDocuments(fixture('every-address', 'bad')).map(
      (document) => document.toJS() as AnalyzedResource,
    );
    const list = { apiVersion: 'v1', kind: 'List', items };
    expect(analyzeMeshConfig([list]).map(({ code }) => code)).toContain('SCL2003');
  });
});

describe('checkPolicy', () => {
  it('reads files and says where the field stands', () => {
    const path = fileURLToPath(new URL('every-address/bad.yaml', fixtures));
    const [found] = checkPolicy([path]).diagnostics.filter(({ code }) => code === 'SCL2003');
    expect(found?.location).toMatchObject({ file: path, line: 8 });
  });

  it('knows Secrets', () => {
    const found = checkPolicy([fileURLToPath(new URL('gateway-credential/bad.yaml', fixtures))]).diagnostics;
    expect(found.map(({ code }) => code)).toContain('IST0161');
  });
});
