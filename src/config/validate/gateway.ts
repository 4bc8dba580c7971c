import { isHttp, isTls, parseProtocol } from '../../core/match/protocol.ts';
import type { GatewayFields, ServerFields } from '../schema/gateway.ts';
import { isDnsLabel } from './dns-label.ts';
import { namespacedHostProblems } from './hostname.ts';
import { ipProblem, UNIX_PREFIX, unixPathProblem } from './ip-address.ts';
import { portProblem } from './port.ts';
import type { Report } from './problem.ts';
import { validateServerTLS } from './tls-settings.ts';

/** `kubernetesGateway`: Istio made it from a Gateway API resource, which follows looser rules. */
export function validateGateway(
  report: Report,
  spec: GatewayFields,
  name: string | undefined,
  kubernetesGateway: boolean,
): void {
  if (name !== undefined && !isDnsLabel(name) && !kubernetesGateway) {
    report.error(
      'gatewayName',
      'metadata.name',
      `${JSON.stringify(name)} is not a DNS label; the name of a Gateway must be one`,
    );
  }
  const servers = spec.servers ?? [];
  if (servers.length === 0) report.error('serversRequired', 'spec.servers', 'a Gateway needs a server');
  const portNames = new Set<string>();
  for (const [index, server] of servers.entries()) {
    const field = `spec.servers[${index}]`;
    validateServer(report, field, server, kubernetesGateway);
    if (server.port === undefined) continue;
    const portName = server.port.name ?? '';
    if (portNames.has(portName))
      report.error('duplicatePort', `${field}.port.name`, `two servers have a port called ${JSON.stringify(portName)}`);
    portNames.add(portName);
    if (server.tls?.httpsRedirect === true && !isHttp(parseProtocol(server.port.protocol))) {
      report.warning(
        'httpsRedirect',
        `${field}.tls.httpsRedirect`,
        'httpsRedirect answers plaintext HTTP; this port carries none',
        'move it to the HTTP server',
      );
    }
  }
}

export function validateServer(report: Report, field: string, server: ServerFields, kubernetesGateway = false): void {
  const hosts = server.hosts ?? [];
  if (hosts.length === 0) report.error('hostsRequired', `${field}.hosts`, 'a server needs a host');
  for (const [index, host] of hosts.entries()) {
    for (const problem of namespacedHostProblems(host, 'gateway', { kubernetesGateway }))
      report.error('hostname', `${field}.hosts[${index}]`, problem);
  }
  const before = report.problems.length;
  validateServerPort(report, `${field}.port`, server.port, server.bind ?? '');
  const portIsValid = report.problems.length === before;
  validateServerBind(report, field, server.port, server.bind ?? '');
  validateServerTLS(report, `${field}.tls`, server.tls);
  if (portIsValid) validateServerProtocol(report, field, server);
}

export function validateServerPort(
  report: Report,
  field: string,
  port: Partial<ServerFields['port']> | undefined,
  bind: string,
): void {
  if (port === undefined) {
    report.error('portRequired', field, 'a server needs a port');
    return;
  }
  const { number = 0, protocol = '', name = '' } = port;
  if (parseProtocol(protocol) === 'Unsupported') {
    report.error(
      'protocol',
      `${field}.protocol`,
      `${JSON.stringify(protocol)} is not a protocol that a Gateway serves`,
      'use one of HTTP, HTTPS, HTTP2, GRPC, GRPC-WEB, TLS, TCP, MONGO, REDIS, MYSQL',
    );
  }
  if (number > 0 || !bind.startsWith(UNIX_PREFIX)) report.check('port', `${field}.number`, portProblem(number));
  if ((port.targetPort ?? 0) > 0)
    report.error('targetPort', `${field}.targetPort`, 'targetPort has no effect on a Gateway', 'remove it');
  if (name === '') report.error('portName', `${field}.name`, "a server's port needs a name");
}

export function validateServerBind(
  report: Report,
  field: string,
  port: Partial<ServerFields['port']> | undefined,
  bind: string,
): void {
  if (bind.startsWith(UNIX_PREFIX)) {
    report.check('bind', `${field}.bind`, unixPathProblem(bind.slice(UNIX_PREFIX.length)));
    if (port !== undefined && (port.number ?? 0) !== 0)
      report.error('bind', `${field}.port.number`, 'a unix socket has no port', 'set number: 0');
  } else if (bind !== '') {
    report.check('bind', `${field}.bind`, ipProblem(bind));
  }
}

function validateServerProtocol(report: Report, field: string, server: ServerFields): void {
  const protocol = parseProtocol(server.port.protocol);
  if (isTls(protocol)) {
    if (server.tls === undefined)
      report.error(
        'serverTls',
        `${field}.tls`,
        `protocol ${server.port.protocol} needs tls`,
        'set tls.mode, for example PASSTHROUGH',
      );
    return;
  }
  if (server.tls === undefined) return;
  if (!isHttp(protocol)) {
    report.error(
      'serverTls',
      `${field}.tls`,
      `protocol ${server.port.protocol} carries no TLS`,
      'remove tls, or use protocol TLS',
    );
    return;
  }
  // A plaintext server may redirect to HTTPS, and nothing more.
  const { mode = 'PASSTHROUGH', caCertificates = '', privateKey = '', serverCertificate = '' } = server.tls;
  const terminates = mode !== 'PASSTHROUGH' && mode !== 'AUTO_PASSTHROUGH';
  if (terminates || caCertificates !== '' || privateKey !== '' || serverCertificate !== '') {
    report.error(
      'serverTls',
      `${field}.tls`,
      'a plaintext HTTP server cannot terminate TLS',
      'use protocol HTTPS, or keep tls.httpsRedirect only',
    );
  }
}
