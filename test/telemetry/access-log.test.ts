import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAccessLog } from '../../src/telemetry/access-log.ts';
import type { AccessLogSetting } from '../../src/telemetry/access-log.ts';
import { FileSink } from '../../src/telemetry/access-log-sink.ts';
import { allowed, answered, denied, refused, stopped } from './exchange.ts';

const mesh = { accessLogFile: '', accessLogFormat: '', accessLogEncoding: 'TEXT' } as const;

function linesOf(
  setting: Exclude<AccessLogSetting, boolean | string | ((...all: never[]) => unknown)>,
  ...exchanges: Parameters<typeof answered>[0][]
): string[] {
  const lines: string[] = [];
  const log = createAccessLog({ to: (line) => lines.push(line), ...setting }, mesh);
  for (const changes of exchanges) log?.onEnd(answered(changes));
  return lines;
}

describe('one line per exchange', () => {
  it("is Istio's default", () => {
    expect(linesOf({}, {})).toEqual([
      '[2026-08-01T12:00:00.000Z] "GET /a?key=secret HTTP/1.1" 200 - via_upstream - "-" 0 5 40 28 "-" "curl/8" "r1" "api.example.com" "192.0.2.1:80" outbound|80||api.example.com 10.0.0.9:40000 192.0.2.1:80 10.0.0.9:40000 - default',
    ]);
  });

  it('names the host of what was refused before it was resolved', () => {
    const lines: string[] = [];
    const log = createAccessLog((line) => lines.push(line), mesh);
    log?.onEnd(stopped(denied, { responseCodeDetails: 'direct_response' }));
    log?.onEnd(stopped(refused));
    expect(lines).toEqual([
      '[2026-08-01T12:00:00.000Z] "- - HTTP/1.1" 502 - direct_response - "-" 0 0 0 - "-" "-" "-" "evil.example" "-" - - evil.example:443 - - block_all',
      '[2026-08-01T12:00:00.000Z] "- - -" 0 UH - - "-" 0 0 0 - "-" "-" "-" "-" "-" BlackHoleCluster - evil.example:443 - - -',
    ]);
  });

  it('shows the path and host from before a rewrite where the format asks', () => {
    const [line] = linesOf(
      { format: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %REQ(:PATH)% %REQ(:AUTHORITY)% %REQ(X-ENVOY-ORIGINAL-HOST)%' },
      { request: { method: 'GET', path: '/b', authority: 'other.example.com' } },
    );
    expect(line).toBe('/a?key=secret /b other.example.com api.example.com');
  });

  it('shows request headers as they left', () => {
    const [destination] = allowed.destinations;
    const [line] = linesOf(
      { format: '%REQ(X-A)% %REQ(USER-AGENT)% %REQ(X-REQUEST-ID)%' },
      {
        destination: {
          cluster: 'c',
          weight: 1,
          ...destination,
          requestHeaders: [
            { op: 'set', name: 'X-A', value: '1' },
            { op: 'remove', name: 'user-agent' },
            { op: 'add', name: 'x-request-id', value: 'second' },
          ],
        },
      },
    );
    expect(line).toBe('1 - r1');
  });

  it('writes what requests over one connection have in common once, and everything else for each', () => {
    const shared = {};
    const format = '%RESPONSE_CODE% %REQ(:PATH)% %REQ(:AUTHORITY)% %UPSTREAM_HOST% %ROUTE_NAME%';
    const first = { shared, upstreamHost: '10.0.0.1:80' };
    expect(
      linesOf(
        { format },
        first,
        { ...first, responseCode: 404 },
        { upstreamHost: '10.0.0.2:80' },
        { shared: {}, upstreamHost: '10.0.0.3:80' },
      ),
    ).toEqual([
      '200 /a?key=secret api.example.com 10.0.0.1:80 default',
      '404 /a?key=secret api.example.com 10.0.0.1:80 default',
      '200 /a?key=secret api.example.com 10.0.0.2:80 default',
      '200 /a?key=secret api.example.com 10.0.0.3:80 default',
    ]);
  });

  it('escapes control characters of a value whatever the value before was', () => {
    const format = '%CONNECTION_TERMINATION_DETAILS%|';
    const details = ['a', 'a\nb', 'a\nb', 'a', undefined, 'a\u2028'];
    expect(
      linesOf({ format }, ...details.map((connectionTerminationDetails) => ({ connectionTerminationDetails }))),
    ).toEqual(['a|', 'a\\x0ab|', 'a\\x0ab|', 'a|', '-|', 'a\u2028|']);
  });

  it('leaves the query out when told to', () => {
    expect(linesOf({ format: '%REQ(:PATH)%', omitQuery: true }, {})).toEqual(['/a']);
  });

  it('is JSON when the encoding says so', () => {
    const [line] = linesOf({ encoding: 'JSON' }, {});
    expect(JSON.parse(line ?? '')).toMatchObject({ response_code: 200, duration: 40, upstream_service_time: '28' });
  });

  it('prints the gRPC status of answers that are gRPC', () => {
    const grpc = {
      connection: { port: 80, protocol: 'grpc', request: { method: 'POST', path: '/s/M', headers: {} } },
      responseTrailers: ['grpc-status', '3'],
    } as const;
    expect(linesOf({ format: '%GRPC_STATUS%' }, grpc, { ...grpc, responseTrailers: [] }, {})).toEqual([
      'InvalidArgument',
      'Unknown',
      '-',
    ]);
  });

  it('is not written for what is not captured, unless asked for', () => {
    const bypassed = { decision: { ...allowed, via: 'bypass', reason: 'not_captured' } } as const;
    expect(linesOf({}, bypassed)).toEqual([]);
    expect(linesOf({ bypassed: true }, bypassed)).toHaveLength(1);
  });

  it('is not there at all without a destination, or when switched off', () => {
    expect(createAccessLog(undefined, mesh)).toBeUndefined();
    expect(createAccessLog(false, { ...mesh, accessLogFile: '/dev/stdout' })).toBeUndefined();
  });

  it('never throws into the application', async () => {
    const throwing = createAccessLog(() => {
      throw new Error('sink');
    }, mesh);
    const rejecting = createAccessLog(() => Promise.reject(new Error('sink')), mesh);
    throwing?.onEnd(answered());
    rejecting?.onEnd(answered());
    rejecting?.onEnd(undefined as never);
    await new Promise(setImmediate);
    expect(throwing?.dropped).toBe(1);
  });
});

describe('a file', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'access-log-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('gets whole batches, in order, and the rest when the sink is closed', () => {
    const path = join(folder, 'log');
    const sink = new FileSink(path, { batchBytes: 10 });
    sink.write('one\n');
    expect(() => readFileSync(path)).toThrow();
    sink.write('two\nthree\n');
    expect(readFileSync(path, 'utf8')).toBe('one\ntwo\nthree\n');
    sink.write('four\n');
    sink.close();
    sink.write('five\n');
    expect(readFileSync(path, 'utf8')).toBe('one\ntwo\nthree\nfour\n');
    expect(sink.dropped).toBe(1);
  });

  it('has the lines in the order in which requests ended, as they were then', () => {
    const path = join(folder, 'log');
    const format = '%REQ(X-REQUEST-ID)% %RESPONSE_CODE% %EMIT_TIME%';
    const log = createAccessLog({ to: path, format }, mesh);
    // An application may use one object for the headers of one request after the other: they are read when asked for.
    const given: Record<string, string> = {};
    class Asked {
      readonly method = 'GET';
      readonly path = '/';
      #headers: Record<string, string> | undefined;
      get headers(): Record<string, string> {
        return (this.#headers ??= { ...given });
      }
    }
    for (let index = 0; index < 40; index += 1) {
      given['x-request-id'] = `r${index}`;
      log?.onEnd(answered({ connection: { port: 80, request: new Asked() } }));
    }
    log?.onEnd(undefined as never);
    log?.flush();
    const lines = readFileSync(path, 'utf8').split('\n');
    expect(lines).toEqual([...Array.from({ length: 40 }, (_, index) => `r${index} 200 2026-08-01T12:00:00.040Z`), '']);
    log?.onEnd(answered());
    log?.close();
    expect(readFileSync(path, 'utf8')).toBe(`${lines.join('\n')}r1 200 2026-08-01T12:00:00.040Z\n`);
    expect(log?.dropped).toBe(1);
  });

  it('gets its lines after a while, also when there are few', async () => {
    const path = join(folder, 'log');
    const log = createAccessLog({ to: path, format: '%RESPONSE_CODE%' }, mesh);
    log?.onEnd(answered());
    await expect.poll(() => existsSync(path) && readFileSync(path, 'utf8')).toBe('200\n');
    log?.close();
  });

  it('is written anew after it was moved away and reopened', () => {
    const path = join(folder, 'log');
    const sink = new FileSink(path);
    sink.write('one\n');
    sink.flush();
    rmSync(path);
    sink.reopen();
    sink.write('two\n');
    sink.close();
    expect(readFileSync(path, 'utf8')).toBe('two\n');
  });

  it('that cannot be opened costs a warning, and memory up to a limit', () => {
    const sink = new FileSink(join(folder, 'missing', 'log'), { maxBufferedBytes: 20, batchBytes: 10 });
    for (let index = 0; index < 100; index += 1) sink.write('0123456789');
    expect(sink.dropped).toBeGreaterThan(90);
    sink.close();
  });

  // Only Linux has a device that is always full.
  it.runIf(existsSync('/dev/full'))('on a full disk loses lines and nothing else', () => {
    const sink = new FileSink('/dev/full', { batchBytes: 1 });
    sink.write('lost\n');
    sink.write('lost\n');
    sink.close();
    expect(sink.dropped).toBe(2);
  });

  it('gets the last lines when the process exits', () => {
    const path = join(folder, 'log');
    const program = `
      import { FileSink } from ${JSON.stringify(new URL('../../src/telemetry/access-log-sink.ts', import.meta.url).href)};
      import { createAccessLog } from ${JSON.stringify(new URL('../../src/telemetry/access-log.ts', import.meta.url).href)};
      new FileSink(${JSON.stringify(path)}).write('last\\n');
      const log = createAccessLog({ to: ${JSON.stringify(`${path}-2`)}, format: '%RESPONSE_CODE%' }, {});
      log.onEnd(${JSON.stringify(answered())});
      process.exit(3);`;
    const run = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
      encoding: 'utf8',
    });
    expect(run.status, run.stderr).toBe(3);
    expect(readFileSync(path, 'utf8')).toBe('last\n');
    expect(readFileSync(`${path}-2`, 'utf8')).toBe('200\n');
  });

  it('that is a closed stdout does not end the program', () => {
    const program = `
      import { FileSink } from ${JSON.stringify(new URL('../../src/telemetry/access-log-sink.ts', import.meta.url).href)};
      const sink = new FileSink('/dev/stdout', { batchBytes: 1 });
      for (let i = 0; i < 50_000; i++) sink.write('line ' + i + '\\n');
      process.exitCode = sink.dropped > 0 ? 7 : 0;`;
    const shell = `"$0" --import tsx --input-type=module -e "$1" 2>/dev/null | head -n 1; exit \${PIPESTATUS[0]}`;
    const run = spawnSync('bash', ['-c', shell, process.execPath, program], { encoding: 'utf8' });
    expect(run.stdout).toBe('line 0\n');
    expect(run.status, run.stderr).toBe(7);
  });
});
