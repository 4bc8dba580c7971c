import { lowerAscii } from '../match/string-match.ts';
import type { HttpRequest } from '../model/connection.ts';

/** What every request's headers are looked at for, found in one pass. */
export interface HeaderScan {
  readonly host: string | undefined;
  readonly contentType: string | undefined;
  readonly forwardedProto: string | undefined;
  /** What the connection is to be turned into; undefined: nothing. */
  readonly upgrade: string | undefined;
  /** Some `x-envoy-` header is there. */
  readonly hasEnvoyHeader: boolean;
}

const NOTHING: HeaderScan = Object.freeze({
  host: undefined,
  contentType: undefined,
  forwardedProto: undefined,
  upgrade: undefined,
  hasEnvoyHeader: false,
});

/** Header names are told apart by their length first: most need no more than that. */
export function scanHeaders(headers: HttpRequest['headers'] | undefined): HeaderScan {
  if (headers === undefined) return NOTHING;
  let host: string | undefined;
  let contentType: string | undefined;
  let forwardedProto: string | undefined;
  let upgrade: string | undefined;
  let connection: string | undefined;
  let hasEnvoyHeader = false;
  for (const name in headers) {
    const { length } = name;
    if (length === 4) {
      if (isNamed(name, 'host')) host ??= valueOf(headers, name);
    } else if (length === 7) {
      if (isNamed(name, 'upgrade')) upgrade ??= valueOf(headers, name);
    } else if (length === 10) {
      if (isNamed(name, 'connection')) connection ??= valueOf(headers, name);
    } else if (length === 12) {
      if (isNamed(name, 'content-type')) contentType ??= valueOf(headers, name);
    } else if (length === 17 && isNamed(name, 'x-forwarded-proto')) {
      forwardedProto ??= valueOf(headers, name);
    }
    if (length > 8 && (name.charCodeAt(0) | 32) === 120 && isNamed(name.slice(0, 8), 'x-envoy-')) hasEnvoyHeader = true;
  }
  if (upgrade !== undefined && !asksForUpgrade(connection)) upgrade = undefined;
  return { host, contentType, forwardedProto, upgrade, hasEnvoyHeader };
}

/**
 * Whether a header says nothing that only some routes hear: it leaves a request plain, whatever the others are. `name`: in
 * lower case. The Host header may repeat the connection's authority.
 */
export function isPlainHeader(name: string, value: unknown, authority: string | undefined): boolean {
  switch (name.length) {
    case 4:
      return name !== 'host' || value === authority;
    case 7:
      return name !== 'upgrade';
    case 12:
      return name !== 'content-type' || (typeof value === 'string' && !value.startsWith('application/grpc'));
    case 17:
      if (name === 'x-forwarded-proto') return false;
  }
  return name.length <= 8 || name.charCodeAt(0) !== 120 || !name.startsWith('x-envoy-');
}

/** Of the headers that leave a request not plain, those that may lead it elsewhere: the others only change how it leaves. */
export const LEADING_HEADERS: readonly string[] = ['upgrade', 'content-type', 'x-forwarded-proto'];

/** Without `Connection: upgrade` an Upgrade header means nothing. */
function asksForUpgrade(connection: string | undefined): boolean {
  return (
    connection
      ?.toLowerCase()
      .split(',')
      .some((token) => token.trim() === 'upgrade') === true
  );
}

function isNamed(name: string, lowered: string): boolean {
  return name === lowered || name.toLowerCase() === lowered;
}

/** Several values are one, joined with commas. Inherited properties are no headers. */
function valueOf(headers: HttpRequest['headers'], name: string): string | undefined {
  const value = Object.hasOwn(headers, name) ? headers[name] : undefined;
  return value === undefined || typeof value === 'string' ? value : value.join(',');
}

/** Headers by which a client may command an Envoy that trusts it. Istio's does not: it removes them. */
export const ENVOY_CONTROLS: ReadonlySet<string> = new Set([
  'x-envoy-retriable-status-codes',
  'x-envoy-retriable-header-names',
  'x-envoy-retry-on',
  'x-envoy-retry-grpc-on',
  'x-envoy-max-retries',
  'x-envoy-upstream-alt-stat-name',
  'x-envoy-upstream-rq-timeout-ms',
  'x-envoy-upstream-rq-per-try-timeout-ms',
  'x-envoy-upstream-rq-timeout-alt-response',
  'x-envoy-expected-rq-timeout-ms',
  'x-envoy-force-trace',
  'x-envoy-ip-tags',
  'x-envoy-original-url',
  'x-envoy-hedge-on-per-try-timeout',
]);

/** Between a client and its proxy only: gone before a route is looked for. */
const HOP_BY_HOP: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding']);

/** Stands for the number that a proxy gives to a request that has none. */
const SOME_REQUEST_ID = '00000000-0000-4000-8000-000000000000';

/**
 * The headers as Envoy's routes see them, by name in lower case: values of one name joined, controls and hop-by-hop
 * headers removed, and what the proxy itself adds before it looks for a route.
 */
export function headersAtRouting(headers: HttpRequest['headers'], scheme: string): ReadonlyMap<string, string> {
  const joined = new Map<string, string>();
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue;
    const lowered = lowerAscii(name);
    if (ENVOY_CONTROLS.has(lowered) || HOP_BY_HOP.has(lowered)) continue;
    const separator = lowered === 'cookie' ? '; ' : ',';
    const text = typeof value === 'string' ? trimmed(value) : value.map(trimmed).join(separator);
    const before = joined.get(lowered);
    joined.set(lowered, before === undefined ? text : `${before}${separator}${text}`);
  }
  if (!joined.has('x-forwarded-proto')) joined.set('x-forwarded-proto', scheme);
  if (!joined.has('x-request-id')) joined.set('x-request-id', SOME_REQUEST_ID);
  return joined;
}

/** Blanks around a value are not part of it. */
function trimmed(value: string): string {
  return value.replace(/^[ \t]+|[ \t]+$/g, '');
}
