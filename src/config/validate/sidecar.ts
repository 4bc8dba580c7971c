import { isHttp, parseProtocol } from '../../core/match/protocol.ts';
import type { EgressListenerFields, IngressListenerFields, SidecarFields } from '../schema/sidecar.ts';
import { validateConnectionPool } from './connection-pool.ts';
import { validateDestination } from './destination.ts';
import { fqdnProblem, namespacedHostProblems } from './hostname.ts';
import { hostPortOf, ipProblem, UNIX_PREFIX, unixPathProblem } from './ip-address.ts';
import { PROTOCOL_FIX, portNameProblem, portProblem, protocolProblem } from './port.ts';
import type { Report } from './problem.ts';
import { validateServerTLS } from './tls-settings.ts';
import { validateSelector } from './workload-selector.ts';

const LOCAL_HOSTS: ReadonlySet<string> = new Set(['', '127.0.0.1', '0.0.0.0', '::1', '::']);

/** What the webhook asks of a Sidecar. */
export function validateSidecar(report: Report, spec: SidecarFields, namespace: string): void {
  const { workloadSelector: selector } = spec;
  if (selector && !validateSelector(report, 'spec.workloadSelector', 'labels', selector.labels)) return;
  const { ingress = [], egress = [], outboundTrafficPolicy, inboundConnectionPool } = spec;
  if (
    ingress.length === 0 &&
    egress.length === 0 &&
    outboundTrafficPolicy === undefined &&
    inboundConnectionPool === undefined
  ) {
    report.error('emptySidecar', 'spec', 'the Sidecar sets nothing', 'set egress, or outboundTrafficPolicy');
    return;
  }
  validateIngress(report, ingress);
  validateConnectionPool(report, 'spec.inboundConnectionPool', inboundConnectionPool);
  validateEgress(report, egress, namespace);
  validateSidecarPolicy(report, 'spec.outboundTrafficPolicy', outboundTrafficPolicy);
}

function validateIngress(report: Report, listeners: readonly IngressListenerFields[]): void {
  const numbers = new Set<number>();
  for (const [index, listener] of listeners.entries()) {
    const field = `spec.ingress[${index}]`;
    const { port } = listener;
    if (port === undefined) {
      report.error('portRequired', `${field}.port`, 'an ingress listener needs a port');
      continue;
    }
    const number = port.number ?? 0;
    if ((port.targetPort ?? 0) > 0)
      report.error('targetPort', `${field}.port.targetPort`, 'targetPort has no effect on a Sidecar', 'remove it');
    validateIpListener(report, field, port, listener.bind ?? '');
    if (numbers.has(number)) report.error('duplicatePort', `${field}.port.number`, `two listeners have port ${number}`);
    numbers.add(number);
    validateDefaultEndpoint(report, `${field}.defaultEndpoint`, listener.defaultEndpoint ?? '');
    validateIngressTLS(report, `${field}.tls`, listener.tls);
    validateConnectionPool(report, `${field}.connectionPool`, listener.connectionPool);
    if (listener.connectionPool?.http !== undefined && !isHttp(parseProtocol(port.protocol))) {
      report.warning(
        'poolProtocol',
        `${field}.connectionPool.http`,
        'the port does not carry HTTP; only the tcp settings apply',
      );
    }
  }
}

function validateIngressTLS(report: Report, field: string, tls: IngressListenerFields['tls']): void {
  if (tls === undefined) return;
  for (const name of [
    'subjectAltNames',
    'httpsRedirect',
    'credentialName',
    'credentialNames',
    'tlsCertificates',
  ] as const) {
    const value = tls[name];
    const set = typeof value === 'boolean' ? value : value !== undefined && value.length > 0;
    if (set)
      report.error('ingressTls', `${field}.${name}`, `${name} is not supported in a Sidecar's ingress`, 'remove it');
  }
  if (tls.mode === 'ISTIO_MUTUAL' || tls.mode === 'AUTO_PASSTHROUGH') {
    report.error('ingressTls', `${field}.mode`, `mode ${tls.mode} is not possible in a Sidecar's ingress`);
  }
  validateServerTLS(report, field, tls);
}

function validateDefaultEndpoint(report: Report, field: string, endpoint: string): void {
  if (endpoint === '') return;
  if (endpoint.startsWith(UNIX_PREFIX)) {
    report.check('defaultEndpoint', field, unixPathProblem(endpoint.slice(UNIX_PREFIX.length)));
    return;
  }
  const parts = hostPortOf(endpoint);
  if (parts === undefined || !LOCAL_HOSTS.has(parts.host)) {
    report.error(
      'defaultEndpoint',
      field,
      `${JSON.stringify(endpoint)} is not a local endpoint`,
      'write 127.0.0.1:port, 0.0.0.0:port, [::1]:port, [::]:port or unix:///path',
    );
  } else if (!/^[+-]?\d+$/.test(parts.port)) {
    report.error('defaultEndpoint', field, `${JSON.stringify(parts.port)} is not a port`);
  } else {
    report.check('defaultEndpoint', field, portProblem(Number(parts.port)));
  }
}

type ListenerPort = NonNullable<EgressListenerFields['port']>;

export function validateIpListener(report: Report, field: string, port: ListenerPort, bind: string): void {
  validatePortForm(report, field, port);
  report.check('port', `${field}.port.number`, portProblem(port.number ?? 0));
  if (bind !== '') report.check('bind', `${field}.bind`, ipProblem(bind));
}

function validatePortForm(report: Report, field: string, port: ListenerPort): void {
  if ((port.name ?? '') !== '') report.check('portName', `${field}.port.name`, portNameProblem(port.name ?? ''));
  report.check('protocol', `${field}.port.protocol`, protocolProblem(port.protocol ?? ''), PROTOCOL_FIX);
}

/** A port of 0 stands for a unix socket. */
export function validateEgressListener(
  report: Report,
  field: string,
  port: ListenerPort,
  bind: string,
  captureMode: string,
): void {
  if ((port.number ?? 0) !== 0) {
    validateIpListener(report, field, port, bind);
    return;
  }
  validatePortForm(report, field, port);
  if (bind.startsWith(UNIX_PREFIX))
    report.check('bind', `${field}.bind`, unixPathProblem(bind.slice(UNIX_PREFIX.length)));
  else
    report.error(
      'bind',
      `${field}.bind`,
      'a listener without port number must bind to a unix socket',
      'set port.number, or bind: unix:///path',
    );
  if (captureMode !== 'DEFAULT' && captureMode !== 'NONE') {
    report.error(
      'captureMode',
      `${field}.captureMode`,
      `nothing can be captured for a unix socket`,
      'use captureMode NONE',
    );
  }
}

function validateEgress(report: Report, listeners: readonly EgressListenerFields[], namespace: string): void {
  const numbers = new Set<number>();
  const sockets = new Set<string>();
  for (const [index, listener] of listeners.entries()) {
    const field = `spec.egress[${index}]`;
    const { port, bind = '' } = listener;
    if (port === undefined) {
      if (index < listeners.length - 1)
        report.error(
          'catchAllListener',
          field,
          'a listener without port catches all ports; it must be the last one',
          'move it to the end',
        );
    } else {
      const number = port.number ?? 0;
      if ((port.targetPort ?? 0) > 0)
        report.error('targetPort', `${field}.port.targetPort`, 'targetPort has no effect on a Sidecar', 'remove it');
      validateEgressListener(report, field, port, bind, listener.captureMode ?? 'DEFAULT');
      if (number === 0 ? sockets.has(bind) : numbers.has(number)) {
        report.error(
          'duplicatePort',
          number === 0 ? `${field}.bind` : `${field}.port.number`,
          'two listeners have the same port or socket',
        );
      }
      if (number === 0) sockets.add(bind);
      else numbers.add(number);
    }
    validateEgressHosts(report, `${field}.hosts`, listener.hosts ?? [], namespace);
  }
}

function validateEgressHosts(report: Report, field: string, hosts: readonly string[], namespace: string): void {
  if (hosts.length === 0)
    report.error('hostsRequired', field, 'an egress listener needs a host', 'write "~/*" to import nothing');
  const seen = new Map<string, Set<string>>();
  for (const [index, entry] of hosts.entries()) {
    const at = `${field}[${index}]`;
    for (const problem of namespacedHostProblems(entry, 'sidecar')) report.error('hostname', at, problem);
    const slash = entry.indexOf('/');
    if (slash < 0 || entry.startsWith('~')) continue;
    const scope = entry.slice(0, slash) === '.' ? namespace : entry.slice(0, slash);
    const host = entry.slice(slash + 1);
    const known = seen.get(scope) ?? new Set<string>();
    if (host === '*' ? known.size > 0 : known.has(host) || known.has('*')) {
      report.warning(
        'duplicateEgressHost',
        at,
        `${JSON.stringify(entry)} overlaps with a host before it`,
        'remove one of them',
      );
    }
    seen.set(scope, known.add(host));
  }
  if (seen.get('*')?.has('*') === true && seen.size > 1) {
    report.warning(
      'duplicateEgressHost',
      field,
      '*/* already imports everything; the other hosts have no effect',
      'remove */* or the other hosts',
    );
  }
}

export function validateSidecarPolicy(
  report: Report,
  field: string,
  policy: SidecarFields['outboundTrafficPolicy'],
): void {
  const proxy = policy?.egressProxy;
  if (policy === undefined || proxy === undefined) return;
  if (policy.mode !== 'ALLOW_ANY') {
    report.error(
      'egressProxy',
      `${field}.egressProxy`,
      'egressProxy takes the traffic that mode ALLOW_ANY lets pass; it needs that mode',
      'set mode: ALLOW_ANY',
    );
    return;
  }
  report.check('egressProxy', `${field}.egressProxy.host`, fqdnProblem(proxy.host ?? ''));
  if (proxy.port === undefined) report.error('egressProxy', `${field}.egressProxy.port`, 'egressProxy needs a port');
  else validateDestination(report, `${field}.egressProxy`, proxy);
}
