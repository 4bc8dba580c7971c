import type { PortTrafficPolicyFields, TrafficPolicyFields } from '../schema/destination-rule.ts';
import { validateConnectionPool } from './connection-pool.ts';
import { fqdnProblem } from './hostname.ts';
import { ipProblem } from './ip-address.ts';
import { validateLoadBalancer } from './load-balancer.ts';
import { validateOutlierDetection } from './outlier-detection.ts';
import { portProblem } from './port.ts';
import type { Report } from './problem.ts';
import { validateClientTLS } from './tls-settings.ts';

export function validateTrafficPolicy(
  report: Report,
  field: string,
  policy: TrafficPolicyFields | undefined,
  namespace?: string,
): void {
  if (policy === undefined) return;
  if (Object.values(policy).every((value) => value === undefined)) {
    report.error('emptySettings', field, 'trafficPolicy sets nothing', 'set one of its fields, or remove it');
    return;
  }
  if (policy.tunnel !== undefined && policy.proxyProtocol !== undefined) {
    report.error('tunnel', field, 'tunnel and proxyProtocol exclude each other', 'keep one of them');
    return;
  }
  validateCommonPolicy(report, field, policy, namespace);
  for (const [index, settings] of (policy.portLevelSettings ?? []).entries()) {
    validatePortPolicy(report, `${field}.portLevelSettings[${index}]`, settings, namespace);
  }
  if (policy.tunnel !== undefined) validateTunnel(report, `${field}.tunnel`, policy.tunnel);
}

function validateCommonPolicy(
  report: Report,
  field: string,
  policy: PortTrafficPolicyFields | TrafficPolicyFields,
  namespace?: string,
): void {
  validateOutlierDetection(report, `${field}.outlierDetection`, policy.outlierDetection);
  validateConnectionPool(report, `${field}.connectionPool`, policy.connectionPool);
  validateLoadBalancer(report, `${field}.loadBalancer`, policy.loadBalancer, policy.outlierDetection !== undefined);
  validateClientTLS(report, `${field}.tls`, policy.tls, namespace);
}

export function validatePortPolicy(
  report: Report,
  field: string,
  policy: PortTrafficPolicyFields,
  namespace?: string,
): void {
  if (policy.port === undefined)
    report.error('portLevelSettings', `${field}.port`, 'an entry of portLevelSettings needs a port');
  if (Object.entries(policy).every(([name, value]) => name === 'port' || value === undefined)) {
    report.error(
      'emptySettings',
      field,
      'an entry of portLevelSettings sets nothing',
      'set one of its fields, or remove it',
    );
    return;
  }
  validateCommonPolicy(report, field, policy, namespace);
}

function validateTunnel(report: Report, field: string, tunnel: NonNullable<TrafficPolicyFields['tunnel']>): void {
  const { protocol = '', targetHost, targetPort } = tunnel;
  if (protocol !== '' && protocol !== 'CONNECT' && protocol !== 'POST') {
    report.error('tunnel', `${field}.protocol`, `${JSON.stringify(protocol)} is neither CONNECT nor POST`);
  }
  if (fqdnProblem(targetHost) !== undefined && ipProblem(targetHost) !== undefined) {
    report.error(
      'tunnel',
      `${field}.targetHost`,
      `${JSON.stringify(targetHost)} is neither a full name nor an IP address`,
    );
  }
  report.check('tunnel', `${field}.targetPort`, portProblem(targetPort));
}
