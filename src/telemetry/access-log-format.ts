import { hostname } from 'node:os';
import type { AccessLogEntry, MetadataValue } from './access-log-entry.ts';
import { formatError, parseFormat } from './access-log-command.ts';
import { compileCommand } from './access-log-operators.ts';
import type { FormatEnvironment } from './access-log-operators.ts';
import type { Provider } from './access-log-provider.ts';
import { compileJsonTemplate, jsonText } from './access-log-json.ts';
import type { JsonTemplate } from './access-log-json.ts';
import { ensureByteString, escapeControlCharacters, isPrintable, toByteString } from './byte-string.ts';

/**
 * Writes one entry as a line, its newline included when the format has one. The line is a byte string: write it with
 * the encoding `latin1`.
 */
export type AccessLogFormatter = (entry: AccessLogEntry) => string;

export interface AccessLogFormatOptions {
  /** `TEXT` (the default) takes a string, `JSON` a string that holds a JSON object, or the object. */
  readonly encoding?: 'TEXT' | 'JSON';
  /** Leaves values out instead of printing `-` or `null`. */
  readonly omitEmptyValues?: boolean;
  readonly environment?: Partial<FormatEnvironment>;
}

/** Istio's default text format. */
export const ISTIO_TEXT_FORMAT =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% ' +
  '%BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" ' +
  '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% ' +
  '%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n';

/** Istio's default JSON format. */
export const ISTIO_JSON_FORMAT: Readonly<Record<string, string>> = {
  start_time: '%START_TIME%',
  route_name: '%ROUTE_NAME%',
  method: '%REQ(:METHOD)%',
  path: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%',
  protocol: '%PROTOCOL%',
  response_code: '%RESPONSE_CODE%',
  response_flags: '%RESPONSE_FLAGS%',
  response_code_details: '%RESPONSE_CODE_DETAILS%',
  connection_termination_details: '%CONNECTION_TERMINATION_DETAILS%',
  bytes_received: '%BYTES_RECEIVED%',
  bytes_sent: '%BYTES_SENT%',
  duration: '%DURATION%',
  upstream_service_time: '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%',
  x_forwarded_for: '%REQ(X-FORWARDED-FOR)%',
  user_agent: '%REQ(USER-AGENT)%',
  request_id: '%REQ(X-REQUEST-ID)%',
  authority: '%REQ(:AUTHORITY)%',
  upstream_host: '%UPSTREAM_HOST%',
  upstream_cluster: '%UPSTREAM_CLUSTER_RAW%',
  upstream_local_address: '%UPSTREAM_LOCAL_ADDRESS%',
  downstream_local_address: '%DOWNSTREAM_LOCAL_ADDRESS%',
  downstream_remote_address: '%DOWNSTREAM_REMOTE_ADDRESS%',
  requested_server_name: '%REQUESTED_SERVER_NAME%',
  upstream_transport_failure_reason: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
};

/** Envoy's own default, which holds where no format was configured at all. */
export const ENVOY_TEXT_FORMAT =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" ' +
  '"%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"\n';

/** A JSON value with operators in its strings. */
export type JsonFormat = Readonly<Record<string, MetadataValue>>;

/**
 * MeshConfig's `accessLogFormat` under its `accessLogEncoding`, as Istio reads them: empty is the default, a text gets
 * its newline, and JSON that is no object is the default too.
 *
 * @throws ERR_EGRESS_CONFIG when Envoy would refuse the format, or asks for what is not supported here.
 */
export function compileIstioAccessLogFormat(
  format: string,
  encoding: 'TEXT' | 'JSON',
  environment?: Partial<FormatEnvironment>,
): AccessLogFormatter {
  const options = environment === undefined ? { encoding } : { encoding, environment };
  if (encoding === 'JSON') return compileAccessLogFormat(parseJsonObject(format) ?? ISTIO_JSON_FORMAT, options);
  if (format === '') return compileAccessLogFormat(ISTIO_TEXT_FORMAT, options);
  return compileAccessLogFormat(format.endsWith('\n') ? format : `${format}\n`, options);
}

/**
 * A format in Envoy's command-operator language, compiled once.
 *
 * @example compileAccessLogFormat('%REQ(:METHOD)% %RESPONSE_CODE%\n')
 * @throws ERR_EGRESS_CONFIG when Envoy would refuse the format, or it asks for what is not supported here.
 */
export function compileAccessLogFormat(
  format: string | JsonFormat,
  options: AccessLogFormatOptions = {},
): AccessLogFormatter {
  const environment = { hostname: hostname(), variables: process.env, now: Date.now, ...options.environment };
  const omit = options.omitEmptyValues ?? false;
  if (typeof format === 'string' && options.encoding !== 'JSON')
    return compileText(format, environment, omit ? '' : '-');
  const object = typeof format === 'string' ? parseJsonObject(format) : format;
  if (object === undefined) throw formatError('a JSON format is an object');
  const template = compileJsonTemplate(object, (text) => compileJsonString(text, environment, omit), omit);
  return (entry) => ensureByteString(`${template(entry) ?? '{}'}\n`);
}

function parseJsonObject(text: string): JsonFormat | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonFormat) : undefined;
  } catch {
    return undefined;
  }
}

/** Writes one value of an entry, and the text before it. */
type Part = (entry: AccessLogEntry) => string;

interface Parts {
  readonly parts: readonly { readonly part: Part; readonly shared: boolean }[];
  /** After the last of them. */
  readonly rest: string;
}

function compileParts(format: string, environment: FormatEnvironment, missing: string, escape: boolean): Parts {
  const parts: Parts['parts'][number][] = [];
  let before = '';
  for (const segment of parseFormat(toByteString(format))) {
    if (typeof segment === 'string') before = segment;
    else {
      const provider = compileCommand(segment, environment);
      const write = writerOf(segment.maxLength, missing, escape && !provider.trusted);
      parts.push({ part: partOf(before, provider, write), shared: provider.shared === true });
      before = '';
    }
  }
  return { parts, rest: before };
}

type Value = MetadataValue | undefined;

function writerOf(maxLength: number | undefined, missing: string, escape: boolean): (value: Value) => string {
  return (value) => {
    if (value === undefined || value === null) return missing;
    const whole = typeof value === 'string' ? value : jsonText(value);
    const text = maxLength === undefined ? whole : whole.slice(0, maxLength);
    return !escape || isPrintable(text) ? text : ensureByteString(escapeControlCharacters(text));
  };
}

/** Most values are those of the line before: they are written, and looked at for control characters, once. */
function partOf(before: string, { text, value: read }: Provider, write: (value: Value) => string): Part {
  const readText: (entry: AccessLogEntry) => Value = text ?? read;
  let latest: Value;
  let written = before + write(undefined);
  return (entry) => {
    const value = readText(entry);
    if (value !== latest) {
      written = before + write(value);
      latest = value;
    }
    return written;
  };
}

function compileText(format: string, environment: FormatEnvironment, missing: string): AccessLogFormatter {
  const { parts, rest } = compileParts(format, environment, missing, true);
  const steps: Part[] = [];
  let run: Part[] = [];
  for (const { part, shared } of parts) {
    if (shared) run.push(part);
    else {
      steps.push(...rememberedFor(run), part);
      run = [];
    }
  }
  steps.push(...rememberedFor(run));
  return (entry) => join(steps, entry) + rest;
}

/** What requests to one destination over one connection have in common is written once. */
function rememberedFor(run: readonly Part[]): readonly Part[] {
  if (run.length < 2) return run;
  const known = new WeakMap<object, string>();
  const remembered: Part = (entry) => {
    const { shared } = entry;
    if (shared === undefined) return join(run, entry);
    let text = known.get(shared);
    if (text === undefined) known.set(shared, (text = run.map((part) => part(entry)).join('')));
    return text;
  };
  return [remembered];
}

function join(parts: readonly Part[], entry: AccessLogEntry): string {
  let line = '';
  for (const part of parts) line += part(entry);
  return line;
}

/** A string that is one operator keeps the type of its value; any other text around it makes it a string. */
function compileJsonString(format: string, environment: FormatEnvironment, omit: boolean): JsonTemplate {
  const segments = parseFormat(toByteString(format));
  const [only] = segments;
  if (segments.length === 1 && only !== undefined && typeof only !== 'string') {
    const provider = compileCommand(only, environment);
    return (entry) => {
      const value = provider.value(entry);
      if (value === undefined || value === null) return omit ? undefined : 'null';
      return jsonText(
        typeof value === 'string' && only.maxLength !== undefined ? value.slice(0, only.maxLength) : value,
      );
    };
  }
  const { parts, rest } = compileParts(format, environment, omit ? '' : '-', false);
  const steps = parts.map(({ part }) => part);
  return (entry) => jsonText(join(steps, entry) + rest);
}
