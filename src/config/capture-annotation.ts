/** The pod annotations about traffic capture, and what Istio's injector and its CNI plugin accept as their values. */
import { parseCidr } from '../core/match/cidr-index.ts';
import { parseIptablesPorts } from '../core/match/port-range.ts';

/** What is wrong with a value, each as its own checker says it; undefined: nothing. */
export interface AnnotationVerdict {
  readonly injector: string | undefined;
  readonly cniPlugin: string | undefined;
  /** Whether the rule installer gets along with it. */
  readonly ruleInstaller: string | undefined;
}

type Check = (value: string) => string | undefined;

interface AnnotationChecks {
  readonly injector: Check;
  readonly cniPlugin: Check;
  readonly ruleInstaller: Check;
}

const accept: Check = () => undefined;

const ranges: Check = (value) => {
  if (value === '') return undefined;
  const bad = value.split(',').find((entry) => !entry.includes('/') || parseCidr(entry) === undefined);
  return bad === undefined ? undefined : `\`${bad}\` is no block of addresses such as \`10.0.0.0/8\``;
};

/** White space around the ports is fine, an empty entry is not. */
const ports: Check = (value) => {
  if (value.trim() === '') return undefined;
  const bad = value.split(',').find((entry) => !/^\d+$/.test(entry.trim()) || Number(entry) > 65_535);
  return bad === undefined ? undefined : `\`${bad}\` is no port`;
};

const interfaces: Check = (value) => {
  if (value === '') return undefined;
  const bad = value.split(',').find((entry) => !/^[A-Za-z][\w.-]{0,14}$/.test(entry.trim()));
  return bad === undefined ? undefined : `\`${bad}\` is no name of a network interface`;
};

const interceptionMode: Check = (value) =>
  isInterceptionMode(value) ? undefined : 'the interception mode is REDIRECT, TPROXY or NONE';

const redirectMode: Check = (value) =>
  value === 'REDIRECT' || value === 'TPROXY' ? undefined : 'the CNI plugin knows REDIRECT and TPROXY';

function orAny(check: Check): Check {
  return (value) => (value === '*' ? undefined : check(value));
}

const installedPorts: Check = (value) =>
  parseIptablesPorts(value) === undefined ? 'no list of ports that iptables takes' : undefined;

const installedRanges: Check = (value) => ranges(value.split(',').filter(Boolean).join(','));

/** The names go into the rules as they are: a space ends one, and the kernel's names are short. */
const installedInterfaces: Check = (value) =>
  value.split(',').some((entry) => /\s/.test(entry.replace(/^[ \t]+|[ \t]+$/g, '')) || entry.trim().length > 15)
    ? 'no list of interfaces that iptables takes'
    : undefined;

const CHECKS: Readonly<Record<string, AnnotationChecks>> = {
  'traffic.sidecar.istio.io/includeOutboundIPRanges': {
    injector: orAny(ranges),
    cniPlugin: orAny(ranges),
    ruleInstaller: orAny(installedRanges),
  },
  'traffic.sidecar.istio.io/excludeOutboundIPRanges': {
    injector: ranges,
    cniPlugin: ranges,
    ruleInstaller: installedRanges,
  },
  'traffic.sidecar.istio.io/includeOutboundPorts': {
    injector: accept,
    cniPlugin: orAny(ports),
    ruleInstaller: installedPorts,
  },
  'traffic.sidecar.istio.io/excludeOutboundPorts': {
    injector: ports,
    cniPlugin: orAny(ports),
    ruleInstaller: installedPorts,
  },
  'traffic.sidecar.istio.io/includeInboundPorts': {
    injector: orAny(ports),
    cniPlugin: orAny(ports),
    ruleInstaller: orAny(installedPorts),
  },
  'traffic.sidecar.istio.io/excludeInboundPorts': {
    injector: ports,
    cniPlugin: orAny(ports),
    ruleInstaller: installedPorts,
  },
  'traffic.sidecar.istio.io/excludeInterfaces': interfaceChecks(),
  'traffic.sidecar.istio.io/kubevirtInterfaces': interfaceChecks(),
  'istio.io/reroute-virtual-interfaces': interfaceChecks(),
  'sidecar.istio.io/interceptionMode': {
    injector: interceptionMode,
    cniPlugin: redirectMode,
    ruleInstaller: accept,
  },
};

function interfaceChecks(): AnnotationChecks {
  return { injector: interfaces, cniPlugin: interfaces, ruleInstaller: installedInterfaces };
}

/** An annotation that Istio does not read is let pass. */
export function checkAnnotation(annotation: string, value: string): AnnotationVerdict {
  const checks = Object.hasOwn(CHECKS, annotation) ? CHECKS[annotation] : undefined;
  return {
    injector: checks?.injector(value),
    cniPlugin: checks?.cniPlugin(value),
    ruleInstaller: checks?.ruleInstaller(value),
  };
}

export function isInterceptionMode(mode: string): mode is 'REDIRECT' | 'TPROXY' | 'NONE' {
  return mode === 'REDIRECT' || mode === 'TPROXY' || mode === 'NONE';
}
