import { parseIp } from '../../core/match/ip-address.ts';
import { isDnsLabel, isWildcardDnsLabel } from './dns-label.ts';
import { isValidPort } from './port.ts';

const MAX_NAME = 255;
const INT64 = { min: -(1n << 63n), max: (1n << 63n) - 1n };

/** Empty or longer than 255 bytes. */
export function nameLengthProblem(name: string): string | undefined {
  if (Buffer.byteLength(name) > MAX_NAME) return `host ${JSON.stringify(name)} is longer than ${MAX_NAME} characters`;
  return name === '' ? 'a host must not be empty' : undefined;
}

/** Each label valid, the last not all digits; one trailing dot is allowed. */
export function labelsProblem(name: string): string | undefined {
  const labels = name.split('.');
  const last = labels.at(-1) ?? '';
  if (isInteger(last))
    return `host ${JSON.stringify(name)} is no name: its last label ${JSON.stringify(last)} is a number`;
  for (const [index, label] of labels.entries()) {
    if (index === labels.length - 1 && label === '') return undefined;
    if (!isDnsLabel(label))
      return `host ${JSON.stringify(name)} is no name: label ${JSON.stringify(label)} is not valid`;
  }
  return undefined;
}

/** A fully qualified name without wildcard. */
export function fqdnProblem(name: string): string | undefined {
  return nameLengthProblem(name) ?? labelsProblem(name);
}

/** A name whose first label may be, or begin with, `*`. */
export function wildcardDomainProblem(name: string): string | undefined {
  const length = nameLengthProblem(name);
  if (length !== undefined) return length;
  const dot = name.indexOf('.');
  const first = dot < 0 ? name : name.slice(0, dot);
  if (!isWildcardDnsLabel(first)) {
    return `host ${JSON.stringify(name)} is no name: label ${JSON.stringify(first)} is not valid`;
  }
  return dot < 0 ? undefined : labelsProblem(name.slice(dot + 1));
}

/** For VirtualServices of gateways; with SNI also the names that Istio makes up between gateways: `outbound_.80_._.host`. */
export function gatewayDomainProblem(name: string, sni: boolean): string | undefined {
  if (!sni || !name.startsWith('outbound_.') || nameLengthProblem(name) !== undefined)
    return wildcardDomainProblem(name);
  const { port, host } = splitGeneratedSni(name);
  if (/^\d+$/.test(port) && isValidPort(Number(port)) && fqdnProblem(host) === undefined) return undefined;
  return `host ${JSON.stringify(name)} is not of the form outbound_.<port>_.<subset>_.<host>`;
}

/** The parts of `outbound_.<port>_.<subset>_.<host>`; missing ones are empty. */
export function splitGeneratedSni(name: string): {
  readonly prefix: string;
  readonly port: string;
  readonly host: string;
} {
  const [prefix = '', port = '', , ...host] = name.split('.');
  return { prefix: withoutUnderscore(prefix), port: withoutUnderscore(port), host: host.join('.') };
}

function withoutUnderscore(text: string): string {
  return text.endsWith('_') ? text.slice(0, -1) : text;
}

/** A `*` that is not the whole first label: `*foo.com`, `a.*.com`. */
export function partialWildcardProblem(host: string): string | undefined {
  if (!host.includes('*') || host.length === 1 || host.startsWith('*.')) return undefined;
  return `${JSON.stringify(host)} has a * inside a label; only a whole first label can be a wildcard`;
}

/** Dots, wildcards and IPs of a host in a Sidecar's egress or a Gateway's server. */
export function listenerHostProblems(host: string, of: 'sidecar' | 'gateway'): string[] {
  const problems: string[] = [];
  if (host !== '*' && !host.includes('.'))
    problems.push(`${JSON.stringify(host)} is a short name; write the full name`);
  const domain = wildcardDomainProblem(host);
  if (domain !== undefined && (of === 'sidecar' || parseIp(host) === undefined)) problems.push(domain);
  const partial = partialWildcardProblem(host);
  if (partial !== undefined) problems.push(partial);
  return problems;
}

/** `namespace/host`. A Gateway may leave the namespace out; a Sidecar may write `~` for none. */
export function namespacedHostProblems(
  entry: string,
  of: 'sidecar' | 'gateway',
  { kubernetesGateway = false } = {},
): string[] {
  const slash = entry.indexOf('/');
  if (slash < 0) {
    return of === 'gateway'
      ? listenerHostProblems(entry, of)
      : [`${JSON.stringify(entry)} is not of the form namespace/host`];
  }
  const namespace = entry.slice(0, slash);
  const host = entry.slice(slash + 1);
  const problems: string[] = [];
  if (namespace === '' || host === '') problems.push(`${JSON.stringify(entry)} lacks its namespace or its host`);
  const nowhere = namespace === '~' && (of === 'sidecar' || kubernetesGateway);
  // `~team-a/*` excludes what other entries import.
  const scope = of === 'sidecar' && namespace.startsWith('~') ? namespace.slice(1) : namespace;
  if (!nowhere && scope !== '*' && scope !== '.' && !isDnsLabel(scope)) {
    problems.push(`${JSON.stringify(namespace)} in ${JSON.stringify(entry)} is not a namespace`);
  }
  return [...problems, ...listenerHostProblems(host, of)];
}

/** As Go reads integers: a sign, digits, and 64 bits. */
function isInteger(text: string): boolean {
  if (!/^[+-]?\d+$/.test(text)) return false;
  const value = BigInt(text.replace('+', ''));
  return value >= INT64.min && value <= INT64.max;
}
