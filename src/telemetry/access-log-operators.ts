import { addressOperators, withoutPort } from './access-log-address.ts';
import type { AccessLogEntry, TimePoint } from './access-log-entry.ts';
import { RESPONSE_FLAGS, TIME_POINTS } from './access-log-entry.ts';
import { formatError } from './access-log-command.ts';
import type { Command } from './access-log-command.ts';
import { filterStateOperator, METADATA_OPERATORS } from './access-log-metadata.ts';
import { apply, plain, shared } from './access-log-provider.ts';
import type { Operator, Provider } from './access-log-provider.ts';
import {
  headerOperator,
  PATH,
  QUERY_PARAM,
  QUERY_PARAMS,
  REQUESTED_SERVER_NAME,
  requestHeader,
  responseHeader,
  responseTrailer,
} from './access-log-request-operators.ts';
import { ATTRIBUTES, CERTIFICATE_TIMES, UNSUPPORTED } from './access-log-attributes.ts';
import { toByteString } from './byte-string.ts';
import { GRPC_STATUS, GRPC_STATUS_NUMBER } from './grpc-status.ts';
import { asksForNewline, compileTimeFormat, toInstant } from './time-format.ts';
import type { TimeZone } from './time-format.ts';

/** Where `%HOSTNAME%`, `%ENVIRONMENT(X)%` and `%EMIT_TIME%` come from. */
export interface FormatEnvironment {
  readonly hostname: string;
  /** Read once, when the format is compiled. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** The compiled command. @throws ERR_EGRESS_CONFIG for an unknown operator or one that is not written so. */
export function compileCommand(command: Command, environment: FormatEnvironment): Provider {
  const operator = findOperator(command.operator, environment);
  const shown = `\`${command.operator}\``;
  if (operator.parameter === 'none' && (command.parameter !== undefined || command.maxLength !== undefined))
    throw formatError(`${shown} takes neither a parameter nor a length`);
  if (operator.parameter === 'required' && command.parameter === undefined)
    throw formatError(`${shown} needs a parameter`);
  if (!operator.length && command.maxLength !== undefined) throw formatError(`${shown} takes no length`);
  return operator.compile(command);
}

function findOperator(name: string, environment: FormatEnvironment): Operator {
  const found = OPERATORS.get(name) ?? environmentOperator(name, environment);
  if (found !== undefined) return found;
  const reason = UNSUPPORTED.get(name);
  throw formatError(
    reason === undefined ? `there is no operator \`${name}\`` : `\`${name}\` is not supported here: ${reason}`,
  );
}

function environmentOperator(name: string, environment: FormatEnvironment): Operator | undefined {
  switch (name) {
    case 'HOSTNAME': {
      const hostname = toByteString(environment.hostname);
      return shared(() => hostname);
    }
    case 'ENVIRONMENT':
      return {
        parameter: 'required',
        length: true,
        compile: ({ parameter = '' }) => {
          // Set to nothing and not set are different: the latter prints a dash, and is not omitted.
          const value = toByteString(environment.variables[parameter] ?? '-');
          return { value: () => value, trusted: true };
        },
      };
    case 'EMIT_TIME':
      return timeOperator('utc', environment.now);
    case 'EMIT_TIME_LOCAL':
      return timeOperator('local', environment.now);
    case 'COALESCE':
      return coalesceOperator(environment);
    default:
      return undefined;
  }
}

function timeOperator(zone: TimeZone, now?: () => number): Operator {
  return {
    parameter: 'optional',
    length: false,
    compile: (command) => {
      const format = timeFormat(command, zone);
      return {
        trusted: true,
        value: (entry) => format(toInstant(now === undefined ? entry.startTime : (entry.emitTime ?? now()))),
      };
    },
  };
}

function timeFormat({ operator, parameter = '' }: Command, zone: TimeZone): ReturnType<typeof compileTimeFormat> {
  if (asksForNewline(parameter)) throw formatError(`the time of \`${operator}\` would contain a newline`);
  return compileTimeFormat(toByteString(parameter), zone);
}

/** Validity of a certificate; the entry gives ISO text. */
function certificateTimeOperator(name: string): Operator {
  return {
    parameter: 'optional',
    length: false,
    compile: (command) => {
      const format = timeFormat(command, 'utc');
      return {
        value: (entry) => {
          const time = Date.parse(String(entry.attribute?.(name)));
          return Number.isNaN(time) ? undefined : format(toInstant(time));
        },
      };
    },
  };
}

function point(entry: AccessLogEntry, name: string): number | undefined {
  return name === 'DS_RX_BEG' ? 0 : entry.timePoints?.[name as TimePoint];
}

/** Between two points, in whole units; a point that was not reached, or comes first, is no value. */
function between(from: TimePoint, to: TimePoint, nanosPerUnit: number): Provider['value'] {
  return (entry) => {
    const start = point(entry, from);
    const end = point(entry, to);
    return start === undefined || end === undefined || end < start
      ? undefined
      : Math.floor((end - start) / nanosPerUnit);
  };
}

const MILLISECOND = 1_000_000;
const PRECISIONS: Readonly<Record<string, number>> = { ms: MILLISECOND, us: 1000, ns: 1 };

const COMMON_DURATION: Operator = {
  parameter: 'required',
  length: false,
  compile: ({ parameter = '' }) => {
    const [from = '', to, precision = 'ms', more] = parameter.split(':');
    if (to === undefined || more !== undefined)
      throw formatError(`\`${parameter}\` is not START:END or START:END:PRECISION`);
    const unit = Object.hasOwn(PRECISIONS, precision) ? PRECISIONS[precision] : undefined;
    if (unit === undefined) throw formatError(`\`${precision}\` is none of the precisions ms, us and ns`);
    const known = TIME_POINTS.includes(from as TimePoint) && TIME_POINTS.includes(to as TimePoint);
    return { value: known ? between(from as TimePoint, to as TimePoint, unit) : () => undefined };
  },
};

function responseFlags(entry: AccessLogEntry): string {
  return entry.responseFlags === undefined || entry.responseFlags === '' ? '-' : entry.responseFlags;
}

function longResponseFlags(entry: AccessLogEntry): string {
  return responseFlags(entry)
    .split(',')
    .map((flag) => RESPONSE_FLAGS[flag] ?? flag)
    .join(',');
}

/** Spaces become underscores, so that the details stay one word; `(ALLOW_WHITESPACES)` keeps them. */
const RESPONSE_CODE_DETAILS: Operator = {
  parameter: 'optional',
  length: false,
  compile: ({ parameter }) =>
    parameter === 'ALLOW_WHITESPACES'
      ? { value: (entry) => entry.responseCodeDetails }
      : { value: (entry) => apply(entry.responseCodeDetails, oneWord) },
};

function oneWord(text: string): string {
  return text.includes(' ') ? text.replace(/ /g, '_') : text;
}

/** `%COALESCE({"operators": ["REQUESTED_SERVER_NAME", {"command": "REQ", "param": ":authority", "max_length": 9}]})%`: the first that has a value. */
function coalesceOperator(environment: FormatEnvironment): Operator {
  return {
    parameter: 'required',
    length: true,
    compile: ({ parameter = '' }) => {
      const providers = coalesceCommands(parameter).map((command) =>
        limited(compileCommand(command, environment), command),
      );
      return {
        value: (entry) => {
          for (const provider of providers) {
            const value = provider.value(entry);
            if (value !== undefined && value !== null) return value;
          }
          return undefined;
        },
      };
    },
  };
}

function limited(provider: Provider, { maxLength }: Command): Provider {
  if (maxLength === undefined) return provider;
  return {
    value: (entry) => {
      const value = provider.value(entry);
      return typeof value === 'string' ? value.slice(0, maxLength) : value;
    },
  };
}

function coalesceCommands(parameter: string): readonly Command[] {
  let options: unknown;
  try {
    options = JSON.parse(parameter);
  } catch {
    throw formatError('the parameter of `COALESCE` is not JSON');
  }
  const list = (options as { operators?: unknown } | null)?.operators;
  if (!Array.isArray(list) || list.length === 0)
    throw formatError('`COALESCE` needs a list `operators` that is not empty');
  return list.map((item: unknown) => {
    if (typeof item === 'string') return { operator: item };
    const { command, param, max_length: maxLength } = (item ?? {}) as Readonly<Record<string, unknown>>;
    if (typeof command !== 'string')
      throw formatError('an operator of `COALESCE` is a name or an object with `command`');
    return {
      operator: command,
      ...(typeof param === 'string' && param !== '' ? { parameter: param } : {}),
      ...(typeof maxLength === 'number' ? { maxLength } : {}),
    };
  });
}

const REQUEST_HEADER = headerOperator(requestHeader);
const RESPONSE_HEADER = headerOperator(responseHeader);
const RESPONSE_TRAILER = headerOperator(responseTrailer);

const OPERATORS: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  ['REQ', REQUEST_HEADER],
  ['REQUEST_HEADER', REQUEST_HEADER],
  ['RESP', RESPONSE_HEADER],
  ['RESPONSE_HEADER', RESPONSE_HEADER],
  ['TRAILER', RESPONSE_TRAILER],
  ['RESPONSE_TRAILER', RESPONSE_TRAILER],
  ['PATH', PATH],
  ['QUERY_PARAM', QUERY_PARAM],
  ['QUERY_PARAMS', QUERY_PARAMS],
  ['REQUESTED_SERVER_NAME', REQUESTED_SERVER_NAME],
  ['GRPC_STATUS', GRPC_STATUS],
  ['GRPC_STATUS_NUMBER', GRPC_STATUS_NUMBER],
  ['START_TIME', timeOperator('utc')],
  ['START_TIME_LOCAL', timeOperator('local')],
  ['COMMON_DURATION', COMMON_DURATION],
  ['DURATION', plain((entry) => entry.duration)],
  ['REQUEST_DURATION', plain(between('DS_RX_BEG', 'DS_RX_END', MILLISECOND))],
  ['REQUEST_TX_DURATION', plain(between('DS_RX_BEG', 'US_TX_END', MILLISECOND))],
  ['RESPONSE_DURATION', plain(between('DS_RX_BEG', 'US_RX_BEG', MILLISECOND))],
  ['RESPONSE_TX_DURATION', plain(between('US_RX_BEG', 'DS_TX_END', MILLISECOND))],
  ['PROTOCOL', plain((entry) => entry.protocol)],
  ['UPSTREAM_PROTOCOL', plain((entry) => entry.upstreamProtocol)],
  ['RESPONSE_CODE', plain((entry) => entry.responseCode)],
  ['RESPONSE_FLAGS', plain(responseFlags)],
  ['RESPONSE_FLAGS_LONG', plain(longResponseFlags)],
  ['RESPONSE_CODE_DETAILS', RESPONSE_CODE_DETAILS],
  ['CONNECTION_TERMINATION_DETAILS', plain((entry) => entry.connectionTerminationDetails)],
  ['BYTES_RECEIVED', plain((entry) => entry.bytesReceived)],
  ['BYTES_SENT', plain((entry) => entry.bytesSent)],
  ['UPSTREAM_HOST', shared((entry) => entry.upstreamHost)],
  ['UPSTREAM_HOST_NAME', shared((entry) => entry.upstreamHostName)],
  ['UPSTREAM_HOST_NAME_WITHOUT_PORT', shared((entry) => apply(entry.upstreamHostName, withoutPort))],
  ['UPSTREAM_CLUSTER', shared((entry) => entry.upstreamClusterAltStatName ?? entry.upstreamCluster)],
  ['UPSTREAM_CLUSTER_RAW', shared((entry) => entry.upstreamCluster)],
  ['UPSTREAM_REQUEST_ATTEMPT_COUNT', plain((entry) => entry.upstreamRequestAttemptCount)],
  ['UPSTREAM_TRANSPORT_FAILURE_REASON', plain((entry) => entry.upstreamTransportFailureReason)],
  ...addressOperators('UPSTREAM_LOCAL', (entry) => entry.upstreamLocalAddress),
  ...addressOperators('UPSTREAM_REMOTE', (entry) => entry.upstreamRemoteAddress),
  ...addressOperators('DOWNSTREAM_LOCAL', (entry) => entry.downstreamLocalAddress),
  ...addressOperators('DOWNSTREAM_REMOTE', (entry) => entry.downstreamRemoteAddress),
  ...addressOperators('DOWNSTREAM_DIRECT_LOCAL', (entry) => entry.downstreamDirectLocalAddress),
  ...addressOperators('DOWNSTREAM_DIRECT_REMOTE', (entry) => entry.downstreamDirectRemoteAddress),
  ['ROUTE_NAME', shared((entry) => apply(entry.routeName || undefined, toByteString))],
  ['VIRTUAL_CLUSTER_NAME', plain((entry) => entry.virtualClusterName)],
  ['FILTER_CHAIN_NAME', shared((entry) => entry.filterChainName)],
  ['STREAM_ID', plain((entry) => entry.streamId)],
  ['ACCESS_LOG_TYPE', plain((entry) => entry.type)],
  ...METADATA_OPERATORS,
  ['FILTER_STATE', filterStateOperator((entry) => entry.filterState)],
  ['UPSTREAM_FILTER_STATE', filterStateOperator(() => undefined)],
  // No filter of a process ever sets these two, and both are empty rather than missing.
  ['LOCAL_REPLY_BODY', plain(() => '')],
  ['CUSTOM_FLAGS', plain(() => '')],
  ...CERTIFICATE_TIMES.map((name): [string, Operator] => [name, certificateTimeOperator(name)]),
  ...ATTRIBUTES.map((name): [string, Operator] => [name, plain((entry) => entry.attribute?.(name))]),
]);
