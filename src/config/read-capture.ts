/** Which pod's annotations, which Helm values and which environment say what is captured, and the findings about them. */
import type { Workload } from '../core/model/connection.ts';
import type { Diagnostic } from '../core/model/diagnostic.ts';
import type { CaptureSettings, IstioMeshConfig } from '../core/model/mesh-config.ts';
import type { SourceLocation } from '../core/model/resource.ts';
import {
  type CaptureProblem,
  checkCaptureSettings,
  type HelmCaptureValues,
  readCaptureSettings,
  type RuleInstall,
} from './capture-settings.ts';
import { levelOf } from './diagnostics.ts';
import { formatFieldPath } from './field-path.ts';
import { inside, isFields, type PlacedFields } from './mesh-config-shapes.ts';
import { type FieldPath, parseYamlDocuments } from './parse-yaml.ts';
import type { SourceDocument } from './sources.ts';

type Annotations = Readonly<Record<string, string>>;

export interface CaptureInput {
  /** Pods and controllers of pods. */
  readonly workloads: readonly SourceDocument[];
  readonly helmValues: readonly PlacedFields[];
  readonly meshConfig: IstioMeshConfig;
  /** Settings of the caller: they beat all others. */
  readonly given: Partial<CaptureSettings>;
  readonly workload: Workload | undefined;
  readonly install: RuleInstall | undefined;
}

export interface ReadCapture {
  readonly settings: Partial<CaptureSettings>;
  readonly diagnostics: readonly Diagnostic[];
}

export function readCapture(input: CaptureInput): ReadCapture {
  const { pod, diagnostics } = choosePod(input);
  const proxyConfig = pod === undefined ? {} : annotatedProxyConfig(pod.annotations);
  const helm = helmCaptureValues(input.helmValues);
  const defaultConfig = input.meshConfig.defaultConfig;
  const mode = proxyConfig['interceptionMode'] ?? defaultConfig.interceptionMode;
  const { settings, problems } = readCaptureSettings({
    ...(pod === undefined ? {} : { annotations: pod.annotations }),
    helmValues: helm.values,
    proxyMetadata: { ...defaultConfig.proxyMetadata, ...stringFields(proxyConfig['proxyMetadata']) },
    ...(typeof mode === 'string' ? { interceptionMode: mode } : {}),
    ...(input.given.dnsServers === undefined ? {} : { dnsServers: input.given.dnsServers }),
    install: input.install ?? (usesCni(input.helmValues) ? 'cni' : 'init'),
  });
  const placeOf = (field: string): SourceLocation | undefined => pod?.locate(field) ?? helm.locate(field);
  const found = problems.map((problem) => toDiagnostic(problem, placeOf));
  const own = checkCaptureSettings({ ...settings, ...input.given }).filter(({ field }) => field in input.given);
  return {
    settings,
    diagnostics: [...diagnostics, ...found, ...own.map((problem) => toDiagnostic(problem, () => undefined))],
  };
}

function toDiagnostic(
  { rejectedBy, field, value, message }: CaptureProblem,
  placeOf: (field: string) => SourceLocation | undefined,
): Diagnostic {
  const location = placeOf(field);
  return {
    code: 'SCL0341',
    level: levelOf('SCL0341'),
    message: `\`${value}\`: ${message}; refused by the ${rejectedBy.replace('-', ' ')}`,
    field,
    ...(location === undefined ? {} : { location }),
  };
}

interface AnnotatedPod {
  readonly name: string;
  readonly annotations: Annotations;
  readonly labels: Annotations;
  readonly namespace: string;
  locate(annotation: string): SourceLocation | undefined;
}

const CAPTURE_ANNOTATION =
  /^(?:traffic\.sidecar\.istio\.io\/|sidecar\.istio\.io\/interceptionMode$|proxy\.istio\.io\/config$)/;

/** The one that the caller's workload is; without such, the only one, or any when all say the same. */
function choosePod({ workloads, workload }: CaptureInput): {
  pod: AnnotatedPod | undefined;
  diagnostics: readonly Diagnostic[];
} {
  const pods = workloads.map(readPod).filter((pod) => Object.keys(pod.annotations).length > 0);
  const candidates = workload === undefined ? pods : pods.filter((pod) => isPodOf(pod, workload));
  const [first, ...others] = candidates;
  const different = others.find((pod) => !sameAnnotations(pod.annotations, first?.annotations ?? {}));
  if (first === undefined || different === undefined) return { pod: first, diagnostics: [] };
  const location = different.locate('');
  const finding: Diagnostic = {
    code: 'SCL0342',
    level: levelOf('SCL0342'),
    message: `${first.name} and ${different.name} say different things about what is captured, so neither is followed`,
    fix: 'say with `workload` which of them this process is',
    ...(location === undefined ? {} : { location }),
  };
  return { pod: undefined, diagnostics: [finding] };
}

function readPod(document: SourceDocument): AnnotatedPod {
  const { path, metadata } = podMetadata(document.value);
  const own = isFields(document.value) ? document.value : {};
  const outer = isFields(own['metadata']) ? own['metadata'] : {};
  const all = stringFields(metadata['annotations']);
  const namespace = metadata['namespace'] ?? outer['namespace'];
  return {
    name: `${String(own['kind'])} ${String(outer['name'])}`,
    annotations: Object.fromEntries(Object.entries(all).filter(([name]) => CAPTURE_ANNOTATION.test(name))),
    labels: stringFields(metadata['labels']),
    namespace: typeof namespace === 'string' ? namespace : 'default',
    locate: (annotation) => {
      if (annotation === '') return document.locate?.(['kind']);
      return Object.hasOwn(all, annotation) ? document.locate?.([...path, 'annotations', annotation]) : undefined;
    },
  };
}

/** A pod's own metadata, or that of the template of its controller. */
function podMetadata(value: unknown): { path: FieldPath; metadata: Readonly<Record<string, unknown>> } {
  const kind = isFields(value) ? value['kind'] : undefined;
  const template = ['spec', 'template', 'metadata'];
  const path = kind === 'Pod' ? ['metadata'] : kind === 'CronJob' ? ['spec', 'jobTemplate', ...template] : template;
  let found: unknown = value;
  for (const step of path) found = isFields(found) ? found[step] : undefined;
  return { path, metadata: isFields(found) ? found : {} };
}

function isPodOf(pod: AnnotatedPod, workload: Workload): boolean {
  const labels = workload.labels ?? {};
  return (
    pod.namespace === workload.namespace &&
    Object.keys(labels).length > 0 &&
    Object.entries(pod.labels).every(([name, value]) => labels[name] === value || labels[name] === undefined) &&
    Object.entries(labels).some(([name, value]) => pod.labels[name] === value)
  );
}

function sameAnnotations(a: Annotations, b: Annotations): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}

/** The annotation `proxy.istio.io/config`: a ProxyConfig as YAML, laid over `defaultConfig`. */
function annotatedProxyConfig(annotations: Annotations): Readonly<Record<string, unknown>> {
  const text = annotations['proxy.istio.io/config'];
  const value = text === undefined ? undefined : parseYamlDocuments(text).documents[0]?.value;
  return isFields(value) ? value : {};
}

const HELM_VALUES = ['includeIPRanges', 'excludeIPRanges', 'includeOutboundPorts', 'excludeOutboundPorts'] as const;

function helmCaptureValues(sources: readonly PlacedFields[]): {
  values: HelmCaptureValues;
  locate(field: string): SourceLocation | undefined;
} {
  const values: Record<string, string> = {};
  const places = new Map<string, SourceLocation | undefined>();
  for (const source of sources) {
    const global = inside(source, 'global');
    const proxy = global === undefined ? undefined : inside(global, 'proxy');
    for (const name of HELM_VALUES) {
      const value = proxy?.fields[name];
      if (typeof value !== 'string' && typeof value !== 'number') continue;
      values[name] = String(value);
      const path = formatFieldPath(['global', 'proxy', name]);
      places.set(path, proxy?.locate([name]));
      places.set(name, proxy?.locate([name]));
    }
  }
  return { values, locate: (field) => places.get(field) };
}

/** `pilot.cni.enabled` of today's charts, `istio_cni.enabled` of those before. */
function usesCni(sources: readonly PlacedFields[]): boolean {
  return sources.some((source) => {
    const pilot = inside(source, 'pilot');
    const blocks = [pilot === undefined ? undefined : inside(pilot, 'cni'), inside(source, 'istio_cni')];
    return blocks.some((block) => block?.fields['enabled'] === true);
  });
}

function stringFields(value: unknown): Annotations {
  if (!isFields(value)) return {};
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, inner]) => (typeof inner === 'string' ? [[name, inner]] : [])),
  );
}
