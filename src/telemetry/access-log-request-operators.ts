import type { AccessLogEntry } from './access-log-entry.ts';
import { formatError } from './access-log-command.ts';
import { apply } from './access-log-provider.ts';
import type { Operator, Read } from './access-log-provider.ts';

/** Reads one header, by its name in lower case. */
type HeaderReader = (name: string) => Read<string>;

/** Pseudo headers come from the entry's own fields, and so do the two headers that tell what a rewrite replaced. */
export const requestHeader: HeaderReader = (name) => {
  const sent: Read<string> = (entry) => entry.requestHeaders?.get(name);
  switch (name) {
    case ':method':
      return (entry) => entry.method;
    case ':path':
      return (entry) => entry.path;
    case ':authority':
    case 'host':
      return (entry) => entry.authority;
    case ':scheme':
      return (entry) => entry.scheme;
    case 'x-envoy-original-path':
      return (entry) => entry.originalPath ?? sent(entry);
    case 'x-envoy-original-host':
      return (entry) => entry.originalAuthority ?? sent(entry);
    default:
      return sent;
  }
};

export const responseHeader: HeaderReader = (name) => {
  const came: Read<string> = (entry) => entry.responseHeaders?.get(name);
  if (name === ':status') return (entry) => (entry.responseCode === 0 ? undefined : String(entry.responseCode));
  if (name === 'x-envoy-upstream-service-time')
    return (entry) => came(entry) ?? apply(entry.upstreamServiceTime, String);
  return came;
};

export const responseTrailer: HeaderReader = (name) => (entry) => entry.responseTrailers?.get(name);

/** What requests to one destination have in common. */
const SHARED: ReadonlySet<string> = new Set([':authority', ':scheme']);

/** `(NAME)` or `(NAME?ALTERNATIVE)`, without regard to case. */
export function headerOperator(readerOf: HeaderReader): Operator {
  return {
    parameter: 'required',
    length: true,
    compile: ({ operator, parameter = '' }) => {
      const [first = '', second = '', third] = parameter.toLowerCase().split('?');
      if (third !== undefined) throw formatError(`\`${operator}(${parameter})\` has more than one alternative`);
      if (!/^[!#$%&'*+\-.:^_`|~0-9a-z?]*$/.test(first + second))
        throw formatError(`\`${parameter}\` in \`${operator}\` is no header name`);
      const value: Read<string> = first === '' ? () => undefined : readerOf(first);
      if (second === '') return { value, ...(SHARED.has(first) && { shared: true }) };
      const otherwise = readerOf(second);
      return { value: (entry) => value(entry) ?? otherwise(entry) };
    },
  };
}

function oneOf(operator: string, option: string, allowed: readonly string[]): string {
  if (option === '' || allowed.includes(option)) return option;
  throw formatError(`\`${option}\` in \`${operator}\` is none of ${allowed.join(', ')}`);
}

/** `PATH(NQ:ORIG)`: with query or without, as it left or as it was before a rewrite. */
export const PATH: Operator = {
  parameter: 'optional',
  length: true,
  compile: ({ operator, parameter = '' }) => {
    const [query = '', which = ''] = parameter.split(':');
    oneOf(operator, query, ['WQ', 'NQ']);
    oneOf(operator, which, ['ORIG', 'PATH', 'ORIG_OR_PATH']);
    const read: Read<string> =
      which === 'ORIG'
        ? originalPath
        : which === 'PATH'
          ? (entry) => entry.path
          : (entry) => originalPath(entry) ?? entry.path;
    return { value: query === 'NQ' ? (entry) => read(entry)?.split('?', 1)[0] : read };
  },
};

const originalPath = requestHeader('x-envoy-original-path');

/** The query as it left; `DECODED` is what Envoy makes of it, which is less than its name says. */
export const QUERY_PARAMS: Operator = {
  parameter: 'optional',
  length: true,
  compile: ({ operator, parameter = '' }) => {
    const decoded = oneOf(operator, parameter, ['ORIG', 'DECODED']) === 'DECODED';
    return { value: (entry) => apply(queryOf(entry), (query) => (decoded ? decodeMarks(query) : query)) };
  },
};

/** One parameter: the first of its name, percent-decoded, plus signs kept. */
export const QUERY_PARAM: Operator = {
  parameter: 'required',
  length: true,
  compile: ({ parameter = '' }) => ({
    value: (entry) => {
      for (const pair of (queryOf(entry) ?? '').split('&')) {
        const [name = '', ...value] = pair.split('=');
        if (pair !== '' && decodePercent(name) === parameter) return decodePercent(value.join('='));
      }
      return undefined;
    },
  }),
};

function queryOf(entry: AccessLogEntry): string | undefined {
  const path = entry.path;
  const mark = path === undefined ? -1 : path.indexOf('?');
  return mark < 0 ? undefined : path?.slice(mark + 1);
}

function decodePercent(text: string): string {
  return text.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}

/** Only `%25` is decoded, other well-formed escapes stay, and a percent sign that begins none is dropped. */
function decodeMarks(query: string): string {
  return query.replace(/%([0-9a-fA-F]{2})?/g, (escape, hex: string | undefined) =>
    hex === undefined ? '' : hex === '25' ? '%' : escape,
  );
}

/** `REQUESTED_SERVER_NAME(HOST_FIRST:ORIG)`: SNI or host, whichever comes first and is there. */
export const REQUESTED_SERVER_NAME: Operator = {
  parameter: 'optional',
  length: false,
  compile: ({ operator, parameter = '' }) => {
    const [order = '', source = ''] = parameter.split(':');
    oneOf(operator, order, ['SNI_ONLY', 'SNI_FIRST', 'HOST_FIRST']);
    oneOf(operator, source, ['ORIG', 'HOST', 'ORIG_OR_HOST']);
    const sni: Read<string> = (entry) => entry.requestedServerName;
    const original = requestHeader('x-envoy-original-host');
    const host: Read<string> =
      source === 'ORIG'
        ? original
        : source === 'HOST'
          ? (entry) => entry.authority
          : (entry) => original(entry) ?? entry.authority;
    if (order === 'SNI_FIRST') return { value: (entry) => sni(entry) ?? host(entry) };
    if (order === 'HOST_FIRST') return { value: (entry) => host(entry) ?? sni(entry) };
    return { value: sni, shared: true };
  },
};
