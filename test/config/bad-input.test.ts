import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadMeshConfig, parseMeshConfig } from '../../src/config/load.ts';
import { EgressConfigError } from '../../src/errors.ts';
import type { Diagnostic } from '../../src/index.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sidecarless-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

const serviceEntry = (name: string, host = 'api.example.com'): string => `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata:
  name: ${name}
spec:
  hosts: [${host}]
  ports:
    - { number: 443, name: https, protocol: HTTPS }
  resolution: DNS
`;

function write(name: string, text: string): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}

function refusal(run: () => unknown): EgressConfigError {
  try {
    run();
  } catch (error) {
    if (error instanceof EgressConfigError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

/** Lines of the message after the first, with the directory cut out. */
function errorsOf(run: () => unknown): string[] {
  const error = refusal(run);
  expect(error.code).toBe('ERR_EGRESS_CONFIG');
  return error.message
    .split('\n')
    .slice(1)
    .map((line) => line.trim().replaceAll(`${directory}/`, '').replaceAll(directory, 'DIR'));
}

describe('bad input', () => {
  it('refuses text that is not YAML, at its line and column', () => {
    const file = write('mesh.yaml', 'kind: ServiceEntry\nspec:\n  hosts: [a\n  - b\n');
    expect(errorsOf(() => loadMeshConfig(file))).toEqual([
      'mesh.yaml:4:3: SCL0101: not YAML: flow sequence in block collection must be sufficiently indented and end with a ]',
    ]);
  });

  it('refuses a field that the kind does not have, and says which it may have been', () => {
    const file = write('mesh.yaml', serviceEntry('api').replace('  hosts:', '  exportsTo: ["."]\n  hosts:'));
    expect(errorsOf(() => loadMeshConfig(file))).toEqual([
      'mesh.yaml:6:3: SCL0401 ServiceEntry default/api spec.exportsTo: `exportsTo` is not a field of `spec` (did you mean `exportTo`?)',
    ]);
  });

  it('refuses an alias inside its own anchor', () => {
    const file = write('mesh.yaml', 'kind: ServiceEntry\nspec: &spec\n  hosts: [a]\n  inner: *spec\n');
    expect(errorsOf(() => loadMeshConfig(file))).toEqual([
      'mesh.yaml:4:10: SCL0103: the alias `*spec` stands inside its own anchor (write the value out)',
    ]);
  });

  it('refuses a directory without a file to read', () => {
    write('README.txt', 'nothing');
    expect(errorsOf(() => loadMeshConfig(directory))).toEqual([
      'DIR: SCL0202: the directory holds no `.yaml`, `.yml` or `.json` file (put the policy into it)',
    ]);
  });

  it('refuses a path that does not exist, and a pattern that nothing matches', () => {
    expect(errorsOf(() => loadMeshConfig([join(directory, 'mesh.yaml'), join(directory, '*.json')]))).toEqual([
      '*.json: SCL0201: no file matches the pattern (check the path)',
      'mesh.yaml: SCL0201: there is no such file or directory (check the path)',
    ]);
  });

  it('refuses a directory that holds no mesh resource', () => {
    write('app.yaml', 'apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: app }\nspec: {}\n');
    expect(errorsOf(() => loadMeshConfig(directory))).toEqual([
      'SCL0203: no mesh resource and no MeshConfig in DIR (point at the files that hold the policy)',
    ]);
  });

  it('passes over files of other tools in a directory', () => {
    write('kustomization.yaml', 'resources: [api.yaml]\n');
    write('package.json', '{ "name": "app" }');
    write('.hidden.yaml', 'a: [');
    write('api.yaml', serviceEntry('api'));
    expect(loadMeshConfig(directory).serviceEntries).toHaveLength(1);
    expect(errorsOf(() => loadMeshConfig(join(directory, 'kustomization.yaml')))).toHaveLength(1);
  });

  it('refuses an empty file as well', () => {
    expect(errorsOf(() => loadMeshConfig(write('mesh.yaml', '# nothing yet\n')))).toEqual([
      'SCL0203: no mesh resource and no MeshConfig in mesh.yaml (point at the files that hold the policy)',
    ]);
  });

  it('warns of a VirtualService for a host that nothing defines, and of a route to one', () => {
    const text = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: api
spec:
  hosts: [api.example.com]
  http:
    - route:
        - destination:
            host: backend
`;
    const { diagnostics } = parseMeshConfig({ text, file: 'mesh.yaml' });
    expect(diagnostics).toEqual([
      {
        code: 'SCL0311',
        level: 'warning',
        message:
          'no ServiceEntry or Service defines `api.example.com`: outside port 80 this VirtualService changes nothing',
        fix: 'add a ServiceEntry with host `api.example.com`',
        field: 'spec.hosts[0]',
        location: { file: 'mesh.yaml', line: 6, column: 11 },
        resource: {
          kind: 'VirtualService',
          namespace: 'default',
          name: 'api',
          source: { file: 'mesh.yaml', line: 2, column: 1 },
        },
      },
      {
        code: 'SCL0312',
        level: 'warning',
        message: 'no ServiceEntry or Service defines `backend`: what is routed there fails',
        fix: 'add a ServiceEntry with host `backend`, or correct the name',
        field: 'spec.http[0].route[0].destination.host',
        location: { file: 'mesh.yaml', line: 10, column: 13 },
        resource: expect.objectContaining({ name: 'api' }) as Diagnostic['resource'],
      },
    ]);
  });

  it('refuses two files that define the same resource, and names both', () => {
    write('a.yaml', serviceEntry('api'));
    write('b.yaml', serviceEntry('api', 'other.example.com'));
    expect(errorsOf(() => loadMeshConfig(directory))).toEqual([
      'b.yaml:4:3: SCL0303 ServiceEntry default/api metadata.name: ServiceEntry default/api is defined at a.yaml:2:1 too (keep one of them)',
    ]);
  });

  it('refuses a file that is not UTF-8', () => {
    writeFileSync(join(directory, 'mesh.yaml'), Buffer.from([0x61, 0x3a, 0x20, 0xff, 0xfe]));
    expect(errorsOf(() => loadMeshConfig(directory))).toEqual([
      'mesh.yaml: SCL0204: the file cannot be read: it is not UTF-8',
    ]);
  });

  it('says everything at once, in the order of files and lines', () => {
    write('a.yaml', `${serviceEntry('one').replace('resolution: DNS', 'resolution: dns')}---\n- a list\n`);
    mkdirSync(join(directory, 'below'));
    write('below/b.yaml', serviceEntry('two').replace('number: 443', 'number: 99999'));
    write('c.yaml', 'a: 1\na: 2\n');
    const error = refusal(() => loadMeshConfig([directory, join(directory, 'missing.yaml')]));
    expect(error.message.split('\n')[0]).toBe('the mesh config has 5 errors:');
    expect(
      error.diagnostics.map(({ code, location }) => `${code} ${location?.file?.slice(directory.length + 1)}`),
    ).toEqual(['SCL0403 a.yaml', 'SCL0301 a.yaml', 'SCL0504 below/b.yaml', 'SCL0102 c.yaml', 'SCL0201 missing.yaml']);
  });
});

describe('invalid: skip', () => {
  it('leaves rejected resources out and reports them', () => {
    const text = `${serviceEntry('good')}---\n${serviceEntry('bad').replace('hosts', 'host')}`;
    const meshConfig = parseMeshConfig(text, { invalid: 'skip' });
    expect(meshConfig.serviceEntries.map(({ metadata }) => metadata.name)).toEqual(['good']);
    expect(meshConfig.diagnostics.map(({ code, level, field }) => [code, level, field])).toEqual([
      ['SCL0404', 'error', 'spec.hosts'],
      ['SCL0401', 'error', 'spec.host'],
    ]);
  });

  it('still refuses a MeshConfig that cannot be read: its defaults would allow everything', () => {
    const text = 'outboundTrafficPolicy: { mode: registry_only }';
    expect(errorsOf(() => parseMeshConfig(text, { invalid: 'skip' }))).toEqual([
      '1:26: SCL0403 MeshConfig outboundTrafficPolicy.mode: `registry_only` is not one of `REGISTRY_ONLY`, `ALLOW_ANY`, `ALLOW_ANY_DYNAMIC_DNS` (write `REGISTRY_ONLY`)',
    ]);
  });

  it('still refuses files that are not there', () => {
    expect(errorsOf(() => loadMeshConfig(join(directory, 'mesh.yaml'), { invalid: 'skip' }))).toHaveLength(1);
  });
});
