/** Connections that a kernel redirected or let pass under Istio's rules, against ours. */
import { readCaptureSettings, checkCaptureSettings, type CaptureSources } from '../../src/config/capture-settings.ts';
import { buildCaptureIndex } from '../../src/core/compile/capture-index.ts';
import { captureVerdict } from '../../src/core/decide/capture.ts';
import { parseIp } from '../../src/core/match/ip-address.ts';
import type { CaptureSettings } from '../../src/core/model/mesh-config.ts';

interface CaptureCall {
  readonly address: string;
  readonly port: number;
  readonly expect: 'captured' | 'bypass' | 'inbound' | 'dns';
  readonly uid?: number;
  readonly gid?: number;
  readonly source?: string;
}

export interface CaptureRow {
  readonly id: string;
  readonly input?: CaptureSources & { readonly meshInterceptionMode?: string };
  /** What the rule installer was given; null: it never came to that. */
  readonly settings: Readonly<Record<string, unknown>> | null;
  readonly pod: { readonly interfaces: Readonly<Record<string, readonly string[]>> };
  readonly rejectedBy?: string;
  readonly calls: readonly CaptureCall[];
}

export interface ComparisonResult {
  agreed: number;
  readonly differences: string[];
  readonly counts: Record<string, number>;
}

/** User and group of the proxy itself, whose connections are not the application's. */
const PROXY_ID = 1337;

/** The settings that take part, with what their absence means. */
const COMPARED_SETTINGS: Readonly<Record<string, unknown>> = {
  includeIPRanges: '*',
  excludeIPRanges: '',
  includeOutboundPorts: '',
  excludeOutboundPorts: '',
  excludeInterfaces: '',
  interceptionMode: 'REDIRECT',
  dualStack: false,
  dnsCapture: false,
  captureAllDns: false,
  loopbackCidr: '127.0.0.1/32',
  ownerGroupsInclude: '*',
  ownerGroupsExclude: '',
};

export function compareCapture(rows: readonly CaptureRow[]): ComparisonResult {
  const result: ComparisonResult = { agreed: 0, differences: [], counts: {} };
  for (const row of rows) compareRow(row, result);
  return result;
}

function compareRow(row: CaptureRow, result: ComparisonResult): void {
  const reading = row.input === undefined ? undefined : readInput(row.input);
  const given = (row.settings ?? {}) as Partial<CaptureSettings>;
  const problems = reading?.problems ?? checkCaptureSettings(given);
  const rejectedBy = problems[0]?.rejectedBy;
  verdict(result, 'rows: accepted, or refused by the same part', row.id, row.rejectedBy, rejectedBy);
  if (row.rejectedBy !== undefined || rejectedBy !== undefined) return;
  if (reading !== undefined) {
    for (const [field, absent] of Object.entries(COMPARED_SETTINGS)) {
      const ours = (reading.settings as Record<string, unknown>)[field] ?? absent;
      verdict(
        result,
        'settings read from annotations and Helm',
        `${row.id} ${field}`,
        given[field as never] ?? absent,
        ours,
      );
    }
  }
  compareCalls(row, (reading?.settings ?? given) as CaptureSettings, result);
}

function readInput(input: NonNullable<CaptureRow['input']>): ReturnType<typeof readCaptureSettings> {
  const { meshInterceptionMode, ...sources } = input;
  return readCaptureSettings({
    ...sources,
    ...(meshInterceptionMode === undefined ? {} : { interceptionMode: meshInterceptionMode }),
  });
}

function compareCalls({ id, pod, calls }: CaptureRow, given: CaptureSettings, result: ComparisonResult): void {
  const settings: CaptureSettings = {
    ...lists(given),
    ...given,
    loopback: 'bypass',
    interfaces: withNetworks(pod.interfaces),
  };
  const index = buildCaptureIndex(settings, { namespace: 'default' });
  for (const { address, port, expect, uid, gid = 1000, source } of calls) {
    if (uid === PROXY_ID || gid === PROXY_ID) {
      count(result, "out of scope: the proxy's own uid or gid");
      continue;
    }
    if (expect === 'inbound') {
      count(result, 'out of scope: inbound');
      continue;
    }
    const ip = parseIp(address);
    const bound = source === undefined ? undefined : parseIp(source);
    const actual =
      ip === undefined
        ? 'no address'
        : captureVerdict(index, ip, port, { gid, ...(bound === undefined ? {} : { source: bound }) });
    verdict(result, `calls: ${expect}`, `${id} ${address}:${port}`, expect, actual);
  }
}

function lists({ includeIPRanges = '*', excludeIPRanges = '', ...rest }: Partial<CaptureSettings>): {
  includeIPRanges: string;
  excludeIPRanges: string;
  includeOutboundPorts: string;
  excludeOutboundPorts: string;
} {
  const { includeOutboundPorts = '', excludeOutboundPorts = '' } = rest;
  return { includeIPRanges, excludeIPRanges, includeOutboundPorts, excludeOutboundPorts };
}

/** The recorded pods had networks of /24 and /64. */
function withNetworks(interfaces: CaptureRow['pod']['interfaces']): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(interfaces).map(([name, addresses]) => [
      name,
      addresses.map((address) => `${address}/${address.includes(':') ? 64 : 24}`),
    ]),
  );
}

function verdict(result: ComparisonResult, what: string, where: string, expected: unknown, actual: unknown): void {
  count(result, what);
  if (expected === actual) result.agreed += 1;
  else result.differences.push(`${where}: expected ${JSON.stringify(expected)}, actual ${JSON.stringify(actual)}`);
}

function count(result: ComparisonResult, what: string): void {
  result.counts[what] = (result.counts[what] ?? 0) + 1;
}
