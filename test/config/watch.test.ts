import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type MeshConfigWatch, watchMeshConfig } from '../../src/config/watch.ts';
import { EgressConfigError, type MeshConfig } from '../../src/index.ts';

let directory: string;
let watching: MeshConfigWatch | undefined;
let loaded: MeshConfig[];
let errors: unknown[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sidecarless-'));
  loaded = [];
  errors = [];
});

afterEach(() => {
  watching?.close();
  watching = undefined;
  rmSync(directory, { recursive: true });
});

const policy = (mode: string): string => `outboundTrafficPolicy: { mode: ${mode} }\n`;

function write(name: string, text: string): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}

function start(
  paths: string | readonly string[],
  onChange = (meshConfig: MeshConfig): void => void loaded.push(meshConfig),
): void {
  watching = watchMeshConfig(paths, { onChange, onError: (error) => void errors.push(error), quietMs: 20 });
}

const modes = (): (string | undefined)[] => loaded.map(({ outboundTrafficPolicy }) => outboundTrafficPolicy.mode);

describe('watching a policy', () => {
  it('throws when the first policy does not load', () => {
    expect(() => start(join(directory, 'mesh.yaml'))).toThrow(EgressConfigError);
  });

  it('gives the new policy when a file changes', async () => {
    const file = write('mesh.yaml', policy('REGISTRY_ONLY'));
    start(file);
    write('mesh.yaml', policy('ALLOW_ANY'));
    await vi.waitFor(() => expect(modes()).toEqual(['ALLOW_ANY']), 10_000);
    expect(watching?.meshConfig).toBe(loaded[0]);
  });

  it('sees a file that is replaced, and files that come in new directories', async () => {
    const file = write('mesh.yaml', policy('REGISTRY_ONLY'));
    start(directory);
    renameSync(write('new.tmp', policy('ALLOW_ANY')), file);
    await vi.waitFor(() => expect(modes()).toEqual(['ALLOW_ANY']), 10_000);
    mkdirSync(join(directory, 'team'));
    write('team/wiki.yaml', 'apiVersion: v1\nkind: Namespace\nmetadata: { name: team }\n');
    await vi.waitFor(() => expect(loaded.at(-1)?.namespaces).toHaveLength(1), 10_000);
  });

  it('follows the links of a mounted ConfigMap', async () => {
    for (const [name, mode] of [
      ['..one', 'REGISTRY_ONLY'],
      ['..two', 'ALLOW_ANY'],
    ] as const) {
      mkdirSync(join(directory, name));
      write(`${name}/mesh.yaml`, policy(mode));
    }
    symlinkSync('..one', join(directory, '..data'));
    symlinkSync('..data/mesh.yaml', join(directory, 'mesh.yaml'));
    start(directory);
    expect(watching?.meshConfig.outboundTrafficPolicy.mode).toBe('REGISTRY_ONLY');
    symlinkSync('..two', join(directory, '..tmp'));
    renameSync(join(directory, '..tmp'), join(directory, '..data'));
    await vi.waitFor(() => expect(modes()).toEqual(['ALLOW_ANY']), 10_000);
  });

  it('keeps the last good policy, reports the error once, and recovers', async () => {
    const file = write('mesh.yaml', policy('REGISTRY_ONLY'));
    start(file);
    const good = watching?.meshConfig;
    write('mesh.yaml', policy('CLOSED'));
    await vi.waitFor(() => expect(errors).toHaveLength(1), 10_000);
    expect(errors[0]).toBeInstanceOf(EgressConfigError);
    expect(watching?.meshConfig).toBe(good);
    watching?.reload();
    expect(errors).toHaveLength(1);
    write('mesh.yaml', policy('ALLOW_ANY'));
    await vi.waitFor(() => expect(modes()).toEqual(['ALLOW_ANY']), 10_000);
  });

  it('keeps the last good policy when nobody could take the new one', async () => {
    const file = write('mesh.yaml', policy('REGISTRY_ONLY'));
    start(file, () => {
      throw new Error('not now');
    });
    const good = watching?.meshConfig;
    write('mesh.yaml', policy('ALLOW_ANY'));
    await vi.waitFor(() => expect(errors).toEqual([new Error('not now')]), 10_000);
    expect(watching?.meshConfig).toBe(good);
  });

  it('says nothing when a file is written with the same text, nor after close', () => {
    const file = write('mesh.yaml', policy('REGISTRY_ONLY'));
    start(file);
    write('mesh.yaml', policy('REGISTRY_ONLY'));
    watching?.reload();
    watching?.close();
    write('mesh.yaml', policy('ALLOW_ANY'));
    watching?.reload();
    expect(loaded).toEqual([]);
  });
});
