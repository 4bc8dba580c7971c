import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  compileAccessLogFormat,
  compileIstioAccessLogFormat,
  ENVOY_TEXT_FORMAT,
  ISTIO_JSON_FORMAT,
} from '../../src/telemetry/access-log-format.ts';
import type { AccessLogFormatter, JsonFormat } from '../../src/telemetry/access-log-format.ts';
import type { AccessLogEntry } from '../../src/telemetry/access-log-entry.ts';
import { entryOf, recordedBytes } from './recorded-entry.ts';
import type { RecordedText, RecordedTransaction } from './recorded-entry.ts';

interface Case {
  readonly id: string;
  readonly format: string | JsonFormat | null;
  readonly options: { readonly encoding: 'text' | 'json' | 'default'; readonly omitEmptyValues?: boolean };
  readonly volatile?: boolean;
  readonly results: Readonly<Record<string, RecordedText>>;
  readonly error?: string;
}

interface Recording {
  readonly environment: { readonly TZ: string; readonly hostname: string; readonly variables: Record<string, string> };
  readonly transactions: readonly RecordedTransaction[];
  readonly cases: readonly Case[];
  readonly rejected: readonly Case[];
}

const file = new URL('./data/formatter.json.gz', import.meta.url);
const recording = JSON.parse(gunzipSync(readFileSync(file)).toString('utf8')) as Recording;
const { hostname, variables } = recording.environment;

/** Lines that a process cannot print, by what they would need. Everything else must agree. */
const WITHOUT: Readonly<Record<string, (test: Case, transaction: string) => boolean>> = {
  'a CEL evaluator': ({ format }) => JSON.stringify(format)?.includes('CEL('),
  'metadata of Envoy objects that the recording does not hold': ({ format }) =>
    /METADATA\((ROUTE|VIRTUAL_HOST|LISTENER_FILTER_CHAIN|LISTENER):/.test(JSON.stringify(format)),
  // The bytes after the ninth are kept from the line before when that was written in the same second.
  "Envoy's cache of more than nine digits of a second": ({ format }) => /%E1[0-9]S/.test(JSON.stringify(format)),
  'times before the start of the request': ({ id, format }, transaction) =>
    id.startsWith('dur-') &&
    /(US_CX_BEG:US_CX_END|DS_CX_BEG:DS_CX_END)/.test(JSON.stringify(format)) &&
    !['tcp', 'listener'].includes(recording.transactions.find((t) => t.id === transaction)?.kind ?? ''),
  'headers that Envoy takes back when it refuses a path': ({ format }, transaction) =>
    transaction === 'fragment' && /SERVER_NAME\((SNI|HOST)_FIRST/.test(JSON.stringify(format)),
};

function compile(test: Case): AccessLogFormatter {
  return compileAccessLogFormat(test.format ?? ENVOY_TEXT_FORMAT, {
    encoding: test.options.encoding === 'json' ? 'JSON' : 'TEXT',
    omitEmptyValues: test.options.omitEmptyValues ?? false,
    environment: { hostname, variables },
  });
}

beforeAll(() => {
  process.env['TZ'] = recording.environment.TZ;
});

describe('lines that Envoy printed', () => {
  it('are printed by us too, byte by byte', () => {
    const entries = new Map(recording.transactions.map((t) => [t.id, entryOf(t)]));
    const excluded: Record<string, number> = {};
    const different: string[] = [];
    let agreed = 0;
    for (const test of recording.cases.filter((c) => c.volatile !== true)) {
      const format = WITHOUT['a CEL evaluator']?.(test, '') ? undefined : compile(test);
      for (const [id, recorded] of Object.entries(test.results)) {
        const line = format?.(entries.get(id) as AccessLogEntry);
        if (line === recordedBytes(recorded)) {
          agreed += 1;
          continue;
        }
        const why = Object.keys(WITHOUT).find((reason) => WITHOUT[reason]?.(test, id));
        if (why === undefined) different.push(`${test.id} ${id}: ${JSON.stringify(line)}`);
        else excluded[why] = (excluded[why] ?? 0) + 1;
      }
    }
    console.info(`access log: ${agreed} recorded lines agree; not printable in a process:`, excluded);
    expect(different).toEqual([]);
    expect(agreed).toBeGreaterThan(63_000);
  });

  it('have their shape when they hold the time of writing', () => {
    const [entry] = recording.transactions.map(entryOf);
    for (const test of recording.cases.filter((c) => c.volatile)) {
      const recorded = recordedBytes(test.results['get-200'] ?? '');
      const shape = (line: string): string => line.replace(/\d/g, '9');
      expect(shape(compile(test)(entry as AccessLogEntry)), test.id).toBe(shape(recorded));
    }
  });
});

describe('formats that Envoy refuses', () => {
  it.each(recording.rejected.map((test) => [test.id, test] as const))('%s', (_, test) => {
    expect(() => compile(test)).toThrow(expect.objectContaining({ code: 'ERR_EGRESS_CONFIG' }));
  });

  it('say what is wrong and where', () => {
    const message = (format: string): string => {
      try {
        compileAccessLogFormat(format);
      } catch (error) {
        return (error as Error).message;
      }
      return 'accepted';
    };
    expect(message('50% done')).toBe(
      'access log format: no command at position 2: `% done`; a command is %NAME%, %NAME(parameter)% or %NAME(parameter):length%, and a percent sign is written %%',
    );
    expect(message('%NOPE%')).toBe('access log format: there is no operator `NOPE`');
    expect(message('%PROTOCOL:3%')).toBe('access log format: `PROTOCOL` takes neither a parameter nor a length');
    expect(message('%REQ%')).toBe('access log format: `REQ` needs a parameter');
    expect(message('%CEL(1)%')).toBe('access log format: `CEL` is not supported here: there is no CEL evaluator');
  });
});

describe("MeshConfig's format", () => {
  const refused: AccessLogEntry = {
    type: 'TcpConnectionEnd',
    startTime: Date.UTC(2026, 7, 1, 12, 0, 0, 7),
    duration: 0,
    responseCode: 0,
    responseFlags: 'UH',
    bytesReceived: 0,
    bytesSent: 0,
    upstreamCluster: 'BlackHoleCluster',
    downstreamLocalAddress: '203.0.113.7:443',
    downstreamRemoteAddress: '10.8.1.35:54818',
  };

  it('prints a refused connection as the sidecar does', () => {
    expect(compileIstioAccessLogFormat('', 'TEXT')(refused)).toBe(
      '[2026-08-01T12:00:00.007Z] "- - -" 0 UH - - "-" 0 0 0 - "-" "-" "-" "-" "-" BlackHoleCluster - 203.0.113.7:443 10.8.1.35:54818 - -\n',
    );
  });

  it('keeps numbers as numbers in JSON', () => {
    const line = JSON.parse(compileIstioAccessLogFormat('', 'JSON')(refused)) as Record<string, unknown>;
    expect(line).toMatchObject({ response_code: 0, bytes_sent: 0, duration: 0, method: null, response_flags: 'UH' });
    expect(Object.keys(line).sort()).toEqual(Object.keys(ISTIO_JSON_FORMAT).sort());
  });

  it('gets a newline when it has none, and falls back when JSON is no object', () => {
    expect(compileIstioAccessLogFormat('%RESPONSE_FLAGS%', 'TEXT')(refused)).toBe('UH\n');
    expect(compileIstioAccessLogFormat('%RESPONSE_FLAGS%', 'JSON')(refused)).toBe(
      compileIstioAccessLogFormat('', 'JSON')(refused),
    );
    expect(compileIstioAccessLogFormat('{"f": "%RESPONSE_FLAGS%"}', 'JSON')(refused)).toBe('{"f":"UH"}\n');
  });

  it('does not let a request forge a line or steer a terminal', () => {
    const line = compileIstioAccessLogFormat(
      '%REQ(:PATH)% %REQUESTED_SERVER_NAME%',
      'TEXT',
    )({
      ...refused,
      path: '/a\r\n[2026-08-01] forged',
      requestedServerName: '\x1b[2Jx\xc2\x9by\xe2\x80\xa8z',
    });
    expect(line).toBe('/a\\x0d\\x0a[2026-08-01] forged \\x1b[2Jx\\x9by\\u2028z\n');
  });

  it('writes characters beyond a byte as UTF-8', () => {
    const line = compileIstioAccessLogFormat('é %REQ(:PATH)%', 'TEXT')({ ...refused, path: '/✓' });
    expect(Buffer.from(line, 'latin1').toString('utf8')).toBe('é /✓\n');
  });
});
