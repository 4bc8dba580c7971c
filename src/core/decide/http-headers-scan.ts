import type { HttpRequest } from '../model/connection.ts';

/** What every request's headers are looked at for, found in one pass. */
export interface HeaderScan {
  readonly host: string | undefined;
  readonly contentType: string | undefined;
  readonly forwardedProto: string | undefined;
  /** Some `x-envoy-` header is there. */
  readonly hasEnvoyHeader: boolean;
}

const NOTHING: HeaderScan = Object.freeze({
  host: undefined,
  contentType: undefined,
  forwardedProto: undefined,
  hasEnvoyHeader: false,
});

/** Header names are told apart by their length first: most need no more than that. */
export function scanHeaders(headers: HttpRequest['headers'] | undefined): HeaderScan {
  if (headers === undefined) return NOTHING;
  let host: string | undefined;
  let contentType: string | undefined;
  let forwardedProto: string | undefined;
  let hasEnvoyHeader = false;
  for (const name in headers) {
    const { length } = name;
    if (length === 4) {
      if (isNamed(name, 'host')) host ??= valueOf(headers, name);
    } else if (length === 12) {
      if (isNamed(name, 'content-type')) contentType ??= valueOf(headers, name);
    } else if (length === 17 && isNamed(name, 'x-forwarded-proto')) {
      forwardedProto ??= valueOf(headers, name);
    }
    if (length > 8 && (name.charCodeAt(0) | 32) === 120 && isNamed(name.slice(0, 8), 'x-envoy-')) hasEnvoyHeader = true;
  }
  return { host, contentType, forwardedProto, hasEnvoyHeader };
}

function isNamed(name: string, lowered: string): boolean {
  return name === lowered || name.toLowerCase() === lowered;
}

/** Several values are one, joined with commas. Inherited properties are no headers. */
function valueOf(headers: HttpRequest['headers'], name: string): string | undefined {
  const value = Object.hasOwn(headers, name) ? headers[name] : undefined;
  return value === undefined || typeof value === 'string' ? value : value.join(',');
}
