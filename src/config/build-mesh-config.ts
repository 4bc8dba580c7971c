/** Documents -> one frozen MeshConfig, or the error that lists everything against it. */
import type { Workload } from '../core/model/connection.ts';
import type { Diagnostic } from '../core/model/diagnostic.ts';
import type { CaptureSettings, MeshConfig } from '../core/model/mesh-config.ts';
import type { RuleInstall } from './capture-settings.ts';
import { checkReferences } from './cross-references.ts';
import { levelOf } from './diagnostics.ts';
import { deepFreeze } from './freeze.ts';
import type { TextProblem } from './parse-yaml.ts';
import { readCapture } from './read-capture.ts';
import { readMeshConfig } from './read-mesh-config.ts';
import { readResources } from './read-resources.ts';
import { inOrderOfPlace, toConfigError } from './report.ts';
import type { ReadSources } from './sources.ts';

export interface LoadOptions extends Partial<CaptureSettings> {
  /**
   * `throw` (the default): a rejected resource rejects the whole. `skip`: it is left out, as a cluster would go on without
   * it, and `diagnostics` of the result lists it with level `error`. A MeshConfig that cannot be read is refused either way:
   * without it everything would be allowed.
   */
  readonly invalid?: 'throw' | 'skip';
  /** Who asks when a Connection names no workload. Absent: namespace `default`, no labels. */
  readonly workload?: Workload;
  /** Suffix of Kubernetes host names. Absent: `cluster.local`. */
  readonly clusterDomain?: string;
  /** Completes hosts without a dot in rules. Absent: `clusterDomain`; empty: namespace only. See MeshConfig. */
  readonly shortNameDomain?: string;
  /** Whether HTTP routes also hold for requests inside TLS. Absent: `govern`. */
  readonly tlsRequests?: 'govern' | 'opaque';
  /** How the cluster captures traffic, where the two ways differ. Absent: `cni` when Helm values say so, else `init`. */
  readonly captureBy?: RuleInstall;
}

const defaults = {
  includeIPRanges: '*',
  excludeIPRanges: '',
  includeOutboundPorts: '',
  excludeOutboundPorts: '',
  loopback: 'govern',
  workload: { namespace: 'default' },
  clusterDomain: 'cluster.local',
  tlsRequests: 'govern',
} as const;

export interface BuildOptions extends LoadOptions {
  /** Findings about the sources, from before they were read. */
  readonly before?: readonly Diagnostic[];
  /** An error when the sources hold neither a resource nor a MeshConfig; the text says where was looked. */
  readonly expectPolicyIn?: string;
}

export function buildMeshConfig({ documents, problems }: ReadSources, options: BuildOptions): MeshConfig {
  const { invalid, before = [], expectPolicyIn, captureBy, ...others } = options;
  const settings = given(others);
  const read = readResources(documents);
  const mesh = readMeshConfig(read.meshConfig);
  const clusterDomain = settings.clusterDomain ?? defaults.clusterDomain;
  const capture = readCapture({
    workloads: read.workloads,
    helmValues: read.meshConfig?.values ?? [],
    meshConfig: mesh.meshConfig,
    given: settings,
    workload: settings.workload,
    install: captureBy,
  });
  const found = [
    ...before,
    ...problems.map(toDiagnostic),
    ...read.diagnostics,
    ...mesh.diagnostics,
    ...capture.diagnostics,
  ];
  if (expectPolicyIn !== undefined && read.isEmpty && !found.some(({ level }) => level === 'error')) {
    found.push(nothingFound(expectPolicyIn));
  }
  found.push(...checkReferences(read, clusterDomain));
  const diagnostics = inOrderOfPlace(found);
  const refused = diagnostics.some(
    ({ code, level }) => level === 'error' && (invalid !== 'skip' || cannotBeLeftOut(code)),
  );
  if (refused || !mesh.usable) throw toConfigError(diagnostics);
  return deepFreeze({
    ...mesh.meshConfig,
    ...read.resources,
    ...defaults,
    ...capture.settings,
    ...settings,
    ...(mesh.source === undefined ? {} : { source: mesh.source }),
    diagnostics,
  });
}

function nothingFound(where: string): Diagnostic {
  const message = `no mesh resource and no MeshConfig in ${where}`;
  return { code: 'SCL0203', level: levelOf('SCL0203'), message, fix: 'point at the files that hold the policy' };
}

/** Files that are not there, and capture settings that would keep a pod from starting: nothing goes on without them. */
function cannotBeLeftOut(code: string): boolean {
  return code.startsWith('SCL02') || code === 'SCL0341';
}

function toDiagnostic({ code, message, location, fix }: TextProblem): Diagnostic {
  return { code, level: levelOf(code), message, location, ...(fix === undefined ? {} : { fix }) };
}

/** Settings passed on as `undefined` are not given. */
function given<T extends object>(settings: T): T {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as T;
}
