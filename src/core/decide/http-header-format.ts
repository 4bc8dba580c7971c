import type { HeaderOperation } from '../model/decision.ts';
import type { NormalizedCall } from './http-call.ts';

/** What Envoy's command operators in header values may ask for before there is an upstream. */
export interface FormatSource {
  readonly call: NormalizedCall;
  readonly routeName: string;
  readonly cluster: string;
}

const OPERATOR = /%(?:%|([A-Z_0-9]+)(?:\(([^)]*)\))?(?::(\d+))?%)/g;

/** Whether a header value holds an operator, and not only text and doubled percent signs. */
export function isFormatted(value: string): boolean {
  return value.includes('%') && value.replaceAll('%%', '').includes('%');
}

/** The text of a value without operators. */
export function plainValue(value: string): string {
  return value.includes('%') ? value.replaceAll('%%', '%') : value;
}

/** Fills in operators. Operations that come out empty are left out, as in Envoy. */
export function formatOperations(operations: readonly HeaderOperation[], source: FormatSource): HeaderOperation[] {
  const formatted: HeaderOperation[] = [];
  for (const operation of operations) {
    const { value } = operation;
    if (value === undefined) formatted.push(operation);
    else {
      const text = formatValue(value, source);
      if (text !== '') formatted.push({ ...operation, value: text });
    }
  }
  return formatted;
}

function formatValue(value: string, source: FormatSource): string {
  return value.replace(OPERATOR, (whole: string, name?: string, argument?: string, limit?: string) => {
    if (whole === '%%') return '%';
    const text = operatorValue(name ?? '', argument ?? '', source);
    return limit === undefined ? text : text.slice(0, Number(limit));
  });
}

/** What only the connection to the upstream could tell is empty. */
function operatorValue(name: string, argument: string, { call, routeName, cluster }: FormatSource): string {
  switch (name) {
    case 'REQ': {
      const [first = '', second] = argument.split('?');
      return requestHeader(call, first) ?? (second === undefined ? '' : (requestHeader(call, second) ?? ''));
    }
    case 'PROTOCOL':
      return call.protocol === 'http2' || call.protocol === 'grpc' ? 'HTTP/2' : 'HTTP/1.1';
    case 'ROUTE_NAME':
      return routeName;
    case 'UPSTREAM_CLUSTER':
    case 'UPSTREAM_CLUSTER_RAW':
      return cluster;
    default:
      return '';
  }
}

function requestHeader(call: NormalizedCall, name: string): string | undefined {
  const lowered = name.toLowerCase();
  switch (lowered) {
    case ':authority':
    case 'host':
      return call.authority;
    case ':method':
      return call.method;
    case ':path':
      return call.path;
    case ':scheme':
      return call.scheme;
    default:
      return call.header(lowered);
  }
}
