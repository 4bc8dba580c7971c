import { mkdtempSync, rmSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../src/cli/run.ts';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sidecarless-cli-'));
  for (const name of ['good', 'bad', 'empty']) mkdirSync(join(folder, name));
  writeFileSync(
    join(folder, 'good/mesh.yaml'),
    `outboundTrafficPolicy: {mode: REGISTRY_ONLY}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: api}
spec:
  hosts: [api.example.com]
  ports: [{number: 443, name: https, protocol: HTTPS}]
  resolution: DNS
`,
  );
  writeFileSync(
    join(folder, 'bad/mesh.yaml'),
    `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: api}
spec:
  hosts: [api.example.com]
  prots: [{number: 443, name: https, protocol: HTTPS}]
  resolution: DNS
`,
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function sidecarless(...argv: string[]): { code: number; out: string; err: string } {
  const out: string[] = [];
  const err: string[] = [];
  const code = run(argv, { out: (text) => out.push(text), err: (text) => err.push(text) });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

describe('sidecarless', () => {
  it('shows its usage and fails when it is given nothing', () => {
    expect(sidecarless()).toMatchObject({ code: 2, out: expect.stringContaining('Usage: sidecarless') });
  });
  it('shows its usage when it is asked to', () => {
    expect(sidecarless('--help')).toMatchObject({ code: 0, out: expect.stringMatching(/check .*\n.*explain /) });
  });
  it('shows a command its own usage', () => {
    expect(sidecarless('check', '--help')).toMatchObject({
      code: 0,
      out: expect.stringContaining('sidecarless check'),
    });
    expect(sidecarless('explain', '-h')).toMatchObject({
      code: 0,
      out: expect.stringContaining('sidecarless explain'),
    });
  });
  it('names a command that does not exist', () => {
    expect(sidecarless('chekc')).toMatchObject({ code: 2, err: expect.stringContaining('no command `chekc`') });
  });
  it('refuses an unknown option with the usage', () => {
    expect(sidecarless('check', '--nope', 'x')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/--nope[\s\S]*Usage:/),
    });
  });
});

describe('sidecarless check', () => {
  it('says what a good policy holds', () => {
    const { code, out } = sidecarless('check', join(folder, 'good'));
    expect(code).toBe(0);
    expect(out).toContain('REGISTRY_ONLY; 1 ServiceEntry');
    expect(out).toContain('0 errors');
  });
  it('names file, line and field of what is wrong', () => {
    const { code, out } = sidecarless('check', join(folder, 'bad'));
    expect(code).toBe(1);
    expect(out).toMatch(/mesh\.yaml:6:\d+: error \S+ ServiceEntry default\/api spec\.prots/);
  });
  it('takes each directory as a policy of its own', () => {
    const { out } = sidecarless('check', join(folder, 'good'), join(folder, 'bad'));
    expect(out).toMatch(/REGISTRY_ONLY[\s\S]*spec\.prots/);
  });
  it('reports an empty directory and a missing file as errors', () => {
    expect(sidecarless('check', join(folder, 'empty')).code).toBe(1);
    expect(sidecarless('check', join(folder, 'missing.yaml')).code).toBe(1);
  });
  it('writes one JSON object a line', () => {
    const { out } = sidecarless('check', '--json', join(folder, 'bad'));
    for (const line of out.split('\n')) expect(JSON.parse(line)).toHaveProperty('code');
  });
  it('needs a path', () => {
    expect(sidecarless('check').code).toBe(2);
  });
});

describe('sidecarless explain', () => {
  it('allows what the policy admits, and names the resource', () => {
    const { code, out } = sidecarless('explain', 'https://api.example.com/', join(folder, 'good'));
    expect(code).toBe(0);
    expect(out).toContain('outbound|443||api.example.com');
    expect(out).toMatch(/ServiceEntry default\/api \(.*mesh\.yaml:4\)/);
  });
  it('denies the rest with exit code 1 and the YAML to add', () => {
    const { code, out } = sidecarless('explain', 'https://other.example/', join(folder, 'good'));
    expect(code).toBe(1);
    expect(out).toContain('no_service_entry');
    expect(out).toMatch(/kind: ServiceEntry[\s\S]*other\.example/);
  });
  it('is the same answer in JSON', () => {
    const { out } = sidecarless('explain', 'https://other.example/', join(folder, 'good'), '--json');
    expect(JSON.parse(out)).toMatchObject({ decision: { action: 'deny', reason: 'no_service_entry' } });
  });
  it.each([
    [['explain'], 'a destination'],
    [['explain', 'https://a.example/'], 'at least one path'],
    [['explain', 'ftp://a.example/', 'x'], 'not a destination'],
    [['explain', 'tcp://a.example', 'x'], 'names no port'],
    [['explain', 'http://a.example', 'x', '-H', 'nocolon'], 'not a header'],
    [['explain', 'http://a.example', 'x', '-l', 'nolabel'], 'not a label'],
    [['explain', 'http://a.example', 'x', '--protocol', 'gopher'], 'not a protocol'],
  ])('refuses %j', (argv, message) => {
    expect(sidecarless(...argv)).toMatchObject({ code: 2, err: expect.stringContaining(message) });
  });
  it('reports a policy that does not load', () => {
    expect(sidecarless('explain', 'https://a.example/', join(folder, 'bad'))).toMatchObject({
      code: 1,
      err: expect.stringContaining('spec.prots'),
    });
  });
});
