/** A mesh config written in code, in the shapes that its type offers. */
import type { CaptureSettings, IstioMeshConfig, MeshConfig, MeshResources } from '../core/model/mesh-config.ts';
import type { Resource, SourceLocation } from '../core/model/resource.ts';
import type { TextProblem } from './parse-yaml.ts';
import { copyPlain } from './plain-value.ts';
import { type ResourceKind, resourceKinds } from './resource-kinds.ts';
import { isMeshConfigField } from './schema/mesh-config.ts';
import type { ReadSources, SourceDocument } from './sources.ts';

/** A resource whose `kind` follows from the collection it stands in. */
export type ResourceLiteral<R extends Resource<string, unknown>> = Omit<R, 'kind'> & { readonly kind?: R['kind'] };

type ResourceLiterals = {
  readonly [Collection in keyof MeshResources]?: readonly ResourceLiteral<MeshResources[Collection][number]>[];
};

type Settings = Partial<CaptureSettings> &
  Partial<Pick<MeshConfig, 'workload' | 'clusterDomain' | 'shortNameDomain' | 'tlsRequests'>>;

export type MeshConfigLiteral = Partial<IstioMeshConfig> &
  ResourceLiterals &
  Settings & {
    /** Of a MeshConfig that another is made from; not looked at. */
    readonly diagnostics?: MeshConfig['diagnostics'];
    readonly source?: SourceLocation;
  };

/** Told apart from fields of MeshConfig by their names. */
const SETTINGS: readonly (keyof Settings)[] = [
  'includeIPRanges',
  'excludeIPRanges',
  'includeOutboundPorts',
  'excludeOutboundPorts',
  'loopback',
  'dualStack',
  'dnsCapture',
  'captureAllDns',
  'dnsServers',
  'loopbackCidr',
  'excludeInterfaces',
  'interfaces',
  'interceptionMode',
  'ownerGroupsInclude',
  'ownerGroupsExclude',
  'nativeNftables',
  'workload',
  'clusterDomain',
  'shortNameDomain',
  'tlsRequests',
];

export interface ReadLiteral {
  readonly sources: ReadSources;
  readonly settings: Settings;
}

export function readLiteral(literal: MeshConfigLiteral): ReadLiteral {
  const copy = copyPlain(literal);
  if ('problem' in copy) return { sources: { documents: [], problems: [copy.problem] }, settings: {} };
  const problems: TextProblem[] = [];
  const documents: SourceDocument[] = [];
  const mesh: Record<string, unknown> = {};
  const settings: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(copy.value as object)) {
    const kind = resourceKinds.find(({ collection }) => collection === name);
    if (kind !== undefined && Array.isArray(value)) documents.push(...value.map((item) => toDocument(kind, item)));
    else if ((SETTINGS as readonly string[]).includes(name)) settings[name] = value;
    else if (isMeshConfigField(name)) mesh[name] = value;
    else if (name !== 'diagnostics' && name !== 'source') problems.push(unknownName(name));
  }
  documents.unshift({ value: mesh, as: 'MeshConfig' });
  return { sources: { documents, problems }, settings: settings };
}

function unknownName(name: string): TextProblem {
  const message = `\`${name}\` is neither a field of MeshConfig nor a collection of resources`;
  const fix = `collections are ${resourceKinds.map(({ collection }) => collection).join(', ')}`;
  return { code: 'SCL0301', message, location: {}, fix };
}

/** What MeshConfig holds under `spec` goes back to where the kind has it. */
function toDocument(kind: ResourceKind, item: unknown): SourceDocument {
  if (typeof item !== 'object' || item === null) return { value: item };
  const { source, spec, ...rest } = item as { readonly source?: SourceLocation; readonly spec?: object };
  const apiVersion = kind.group === '' ? 'v1' : `${kind.group}/v1`;
  const beside = Object.entries(spec ?? {}).filter(([name]) => kind.besideMetadata?.includes(name) === true);
  const inSpec = Object.entries(spec ?? {}).filter(([name]) => kind.besideMetadata?.includes(name) !== true);
  const hasSpec = kind.besideMetadata === undefined ? spec !== undefined : inSpec.length > 0;
  const value = {
    apiVersion,
    kind: kind.kind,
    ...rest,
    ...Object.fromEntries(beside),
    ...(hasSpec ? { spec: Object.fromEntries(inSpec) } : {}),
  };
  return source === undefined ? { value } : { value, source };
}
