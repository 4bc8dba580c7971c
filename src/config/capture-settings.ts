/**
 * What a pod's annotations, the Helm values of the injector, and its environment make of the capture settings, and who of
 * Istio would refuse them: the injector, the CNI plugin, or the installer of the rules inside the pod.
 */
import { parseCidr } from '../core/match/cidr-index.ts';
import { parseIptablesPorts, parseNftablesPorts } from '../core/match/port-range.ts';
import type { CaptureSettings } from '../core/model/mesh-config.ts';
import { checkAnnotation, isInterceptionMode } from './capture-annotation.ts';

/** How Istio sets the rules up: an init container of each pod, or the CNI plugin of the node. */
export type RuleInstall = 'init' | 'cni';

export interface CaptureSources {
  readonly annotations?: Readonly<Record<string, string>>;
  /** Below `global.proxy`. */
  readonly helmValues?: HelmCaptureValues;
  /** `proxyMetadata` of the pod's ProxyConfig, or of MeshConfig's `defaultConfig`. */
  readonly proxyMetadata?: Readonly<Record<string, string>>;
  /** `defaultConfig.interceptionMode` of MeshConfig. */
  readonly interceptionMode?: string;
  /** Nameservers of the pod's resolv.conf. */
  readonly dnsServers?: readonly string[];
  /** Absent: `init`. */
  readonly install?: RuleInstall;
}

export interface HelmCaptureValues {
  readonly includeIPRanges?: string;
  readonly excludeIPRanges?: string;
  readonly includeOutboundPorts?: string;
  readonly excludeOutboundPorts?: string;
}

/** A value that keeps the pod from starting. */
export interface CaptureProblem {
  readonly rejectedBy: 'install-values' | 'injector' | 'cni-plugin' | 'rule-installer';
  /** Annotation, Helm value, or field of the capture settings. */
  readonly field: string;
  readonly value: string;
  readonly message: string;
}

export interface CaptureReading {
  /** Only what the sources say; the loader's defaults stand for the rest. */
  readonly settings: Partial<CaptureSettings>;
  readonly problems: readonly CaptureProblem[];
}

const TRAFFIC = 'traffic.sidecar.istio.io/';
const INTERCEPTION_MODE = 'sidecar.istio.io/interceptionMode';

/** The agent's own metrics port, which only the CNI plugin leaves out by itself. */
const CNI_EXCLUDED_PORT = '15020';

const LISTS = [
  ['includeIPRanges', 'includeOutboundIPRanges'],
  ['excludeIPRanges', 'excludeOutboundIPRanges'],
  ['includeOutboundPorts', 'includeOutboundPorts'],
  ['excludeOutboundPorts', 'excludeOutboundPorts'],
] as const;

/** An annotation, even an empty one, beats a Helm value, which beats the default. */
export function readCaptureSettings(sources: CaptureSources): CaptureReading {
  const settings = { ...listsOf(sources), ...knobsOf(sources) };
  return { settings, problems: [...sourceProblems(sources), ...checkCaptureSettings(settings)] };
}

/** What the rule installer refuses: the pod's init container would fail. */
export function checkCaptureSettings(settings: Partial<CaptureSettings>): CaptureProblem[] {
  const problems: CaptureProblem[] = [];
  const refuse = (field: (typeof LISTS)[number][0], message: string): void => {
    problems.push({ rejectedBy: 'rule-installer', field, value: settings[field] ?? '', message });
  };
  const {
    includeIPRanges = '*',
    excludeIPRanges = '',
    includeOutboundPorts = '',
    excludeOutboundPorts = '',
  } = settings;
  if (includeIPRanges !== '*' && !areRanges(includeIPRanges)) {
    refuse('includeIPRanges', 'neither `*` nor a list of blocks such as `10.0.0.0/8`');
  }
  if (!areRanges(excludeIPRanges)) refuse('excludeIPRanges', 'no list of blocks such as `10.0.0.0/8`');
  const parsePorts = settings.nativeNftables === true ? parseNftablesPorts : parseIptablesPorts;
  if (parsePorts(includeOutboundPorts) === undefined) refuse('includeOutboundPorts', 'no list of ports');
  if (parsePorts(excludeOutboundPorts) === undefined) refuse('excludeOutboundPorts', 'no list of ports');
  return problems;
}

/** Empty entries are let pass. */
function areRanges(text: string): boolean {
  return text.split(',').every((entry) => entry === '' || (entry.includes('/') && parseCidr(entry) !== undefined));
}

function listsOf({ annotations, helmValues, install }: CaptureSources): Partial<CaptureSettings> {
  const lists: Partial<Record<(typeof LISTS)[number][0], string>> = {};
  for (const [field, annotation] of LISTS) {
    const value = annotations?.[TRAFFIC + annotation] ?? helmValues?.[field];
    if (value !== undefined) lists[field] = value;
  }
  if (install !== 'cni') return lists;
  const annotated = annotations?.[`${TRAFFIC}includeOutboundIPRanges`];
  // The plugin is handed no empty Helm value.
  if (annotated === undefined && lists.includeIPRanges === '') lists.includeIPRanges = '*';
  if (annotations?.[`${TRAFFIC}excludeOutboundPorts`] === undefined && !helmValues?.excludeOutboundPorts) {
    lists.excludeOutboundPorts = CNI_EXCLUDED_PORT;
  }
  return lists;
}

function knobsOf(sources: CaptureSources): Partial<CaptureSettings> {
  const { annotations = {}, proxyMetadata = {}, dnsServers, install } = sources;
  const excludeInterfaces = annotations[`${TRAFFIC}excludeInterfaces`];
  const mode = annotations[INTERCEPTION_MODE] ?? sources.interceptionMode;
  const dnsCapture = proxyMetadata['ISTIO_META_DNS_CAPTURE'] === 'true';
  const cni = install === 'cni';
  return {
    ...(excludeInterfaces === undefined ? {} : { excludeInterfaces }),
    ...(mode === undefined || !isInterceptionMode(mode) ? {} : { interceptionMode: mode }),
    ...(proxyMetadata['ISTIO_DUAL_STACK'] === 'true' ? { dualStack: true } : {}),
    ...(dnsCapture ? { dnsCapture, ...(cni ? { captureAllDns: true } : {}) } : {}),
    ...(dnsServers === undefined ? {} : { dnsServers }),
    // The plugin works outside the pod and does not see these variables.
    ...(cni ? {} : ownerAndLoopback(proxyMetadata)),
  };
}

function ownerAndLoopback(proxyMetadata: Readonly<Record<string, string>>): Partial<CaptureSettings> {
  const include = proxyMetadata['ISTIO_OUTBOUND_OWNER_GROUPS'];
  const exclude = proxyMetadata['ISTIO_OUTBOUND_OWNER_GROUPS_EXCLUDE'];
  const loopbackCidr = proxyMetadata['ISTIO_OUTBOUND_IPV4_LOOPBACK_CIDR'];
  return {
    ...(include === undefined ? {} : { ownerGroupsInclude: include }),
    ...(exclude === undefined ? {} : { ownerGroupsExclude: exclude }),
    ...(loopbackCidr === undefined ? {} : { loopbackCidr }),
  };
}

function sourceProblems({
  annotations = {},
  helmValues = {},
  install,
  interceptionMode,
}: CaptureSources): CaptureProblem[] {
  const problems: CaptureProblem[] = [];
  for (const field of ['includeIPRanges', 'excludeIPRanges'] as const) {
    const value = helmValues[field];
    if (value === undefined || value === '' || value === '*') continue;
    if (!value.split(',').every((entry) => entry !== '' && areRanges(entry))) {
      const message = 'neither `*` nor a list of blocks such as `10.0.0.0/8`';
      problems.push({ rejectedBy: 'install-values', field: `global.proxy.${field}`, value, message });
    }
  }
  for (const [field, value] of Object.entries(annotations)) {
    const { injector, cniPlugin } = checkAnnotation(field, value);
    if (injector !== undefined) problems.push({ rejectedBy: 'injector', field, value, message: injector });
    else if (install === 'cni' && cniPlugin !== undefined) {
      problems.push({ rejectedBy: 'cni-plugin', field, value, message: cniPlugin });
    }
  }
  if (install === 'cni' && annotations[INTERCEPTION_MODE] === undefined && interceptionMode === 'NONE') {
    const message = 'the CNI plugin cannot leave a pod alone';
    problems.push({ rejectedBy: 'cni-plugin', field: 'interceptionMode', value: 'NONE', message });
  }
  return problems;
}
