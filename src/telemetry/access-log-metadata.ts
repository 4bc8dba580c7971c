import type { AccessLogEntry, MetadataValue } from './access-log-entry.ts';
import { formatError } from './access-log-command.ts';
import { isList, jsonText } from './access-log-json.ts';
import { toByteString } from './byte-string.ts';
import type { Operator, Provider } from './access-log-provider.ts';

type Source = (entry: AccessLogEntry) => Readonly<Record<string, MetadataValue>> | undefined;

const SOURCES: Readonly<Record<string, Source>> = {
  DYNAMIC: (entry) => entry.dynamicMetadata,
  CLUSTER: (entry) => entry.clusterMetadata,
  ROUTE: (entry) => entry.routeMetadata,
  UPSTREAM_HOST: (entry) => entry.upstreamHostMetadata,
  LISTENER: (entry) => entry.listenerMetadata,
  LISTENER_FILTER_CHAIN: (entry) => entry.filterChainMetadata,
  VIRTUAL_HOST: (entry) => entry.virtualHostMetadata,
};

/** `%METADATA(ROUTE:istio:config)%` and the older operator of each type. */
export const METADATA_OPERATORS: readonly (readonly [string, Operator])[] = [
  ['DYNAMIC_METADATA', typed('DYNAMIC', true)],
  ['CLUSTER_METADATA', typed('CLUSTER', false)],
  ['UPSTREAM_METADATA', typed('UPSTREAM_HOST', false)],
  [
    'METADATA',
    {
      parameter: 'optional',
      length: true,
      compile: ({ parameter = '' }) => {
        const [type = '', ...path] = parameter.split(':');
        const source = Object.hasOwn(SOURCES, type) ? SOURCES[type] : undefined;
        if (source === undefined)
          throw formatError(`\`${type}\` is no type of metadata; it is one of ${Object.keys(SOURCES).join(', ')}`);
        return read(source, path);
      },
    },
  ],
];

function typed(type: string, length: boolean): Operator {
  const source = SOURCES[type] ?? (() => undefined);
  return { parameter: 'required', length, compile: ({ parameter = '' }) => read(source, parameter.split(':')) };
}

/** The first step of the path is the filter's namespace, the others lead into its struct. */
function read(source: Source, path: readonly string[]): Provider {
  return {
    trusted: true,
    value: (entry) => {
      let found: MetadataValue | undefined = source(entry);
      for (const step of path) {
        if (typeof found !== 'object' || found === null || Array.isArray(found) || !Object.hasOwn(found, step))
          return undefined;
        found = (found as Readonly<Record<string, MetadataValue>>)[step];
      }
      return found === undefined ? undefined : inBytes(found);
    },
  };
}

function inBytes(value: MetadataValue): MetadataValue {
  if (typeof value === 'string') return toByteString(value);
  if (typeof value !== 'object' || value === null) return value;
  if (isList(value)) return value.map(inBytes);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, inBytes(item)]));
}

/** State objects of a process are strings: `PLAIN` prints them, `TYPED` (the default) their JSON, and they have no fields. */
export function filterStateOperator(
  source: (entry: AccessLogEntry) => Readonly<Record<string, string>> | undefined,
): Operator {
  return {
    parameter: 'optional',
    length: true,
    compile: ({ operator, parameter = '' }) => {
      const [key = '', form = '', field] = parameter.split(':');
      if (key === '') throw formatError(`\`${operator}\` needs the key of a state object`);
      if (!['', 'PLAIN', 'TYPED', 'FIELD'].includes(form))
        throw formatError(`\`${form}\` in \`${operator}\` is none of PLAIN, TYPED and FIELD`);
      if ((form === 'FIELD') !== (field !== undefined && field !== ''))
        throw formatError(`\`${operator}\` takes the name of a field with FIELD, and only then`);
      if (form === 'FIELD') return { value: () => undefined };
      const value: Provider['value'] = (entry) => {
        const state = source(entry);
        return state !== undefined && Object.hasOwn(state, key) ? toByteString(state[key] ?? '') : undefined;
      };
      if (form === 'PLAIN') return { value, trusted: true };
      return { value, trusted: true, text: (entry) => jsonOf(value(entry)) };
    },
  };
}

function jsonOf(value: MetadataValue | undefined): string | undefined {
  return value === undefined || value === null ? undefined : jsonText(value);
}
