import { hostMatches } from '../../core/match/hostname.ts';
import type { VirtualServiceFields } from '../schema/virtual-service.ts';
import { validateExportTo } from './export-to.ts';
import { validateGatewayNames } from './gateway-name.ts';
import { gatewayDomainProblem, wildcardDomainProblem } from './hostname.ts';
import { isClaimRoute } from './http-header.ts';
import { validateHttpRoute } from './http-route.ts';
import { isIpAddress } from './ip-address.ts';
import { isGatewayOnly, validateTcpRoute, validateTlsRoute } from './opaque-route.ts';
import { keyed, type Report } from './problem.ts';
import { warnUnusedRoutes } from './unused-route.ts';

/** What the webhook asks of a VirtualService. */
export function validateVirtualService(
  report: Report,
  spec: VirtualServiceFields,
  namespace: string,
  kubernetesGateway: boolean,
): void {
  const { hosts = [], gateways = [], http = [], tls = [], tcp = [] } = spec;
  const delegate = hosts.length === 0;
  if (delegate) validateDelegate(report, spec);
  validateGatewayNames(report, 'spec.gateways', gateways, kubernetesGateway);
  const gatewayOnly = gateways.length > 0 && isGatewayOnly(spec);
  if (!gatewayOnly) validateClaims(report, spec);
  validateHosts(report, spec, gatewayOnly);
  if (http.length === 0 && tls.length === 0 && tcp.length === 0) {
    report.error('routesRequired', 'spec', 'the VirtualService has no routes', 'set http, tls or tcp');
  }
  for (const [index, route] of http.entries())
    validateHttpRoute(report, `spec.http[${index}]`, route, { delegate, kubernetesGateway });
  for (const [index, route] of tls.entries())
    validateTlsRoute(report, `spec.tls[${index}]`, route, spec, { kubernetesGateway });
  for (const [index, route] of tcp.entries())
    validateTcpRoute(report, `spec.tcp[${index}]`, route, { kubernetesGateway });
  validateExportTo(report, 'spec.exportTo', spec.exportTo, { namespace });
  warnUnusedRoutes(report, spec);
}

function validateDelegate(report: Report, spec: VirtualServiceFields): void {
  for (const name of ['gateways', 'tls', 'tcp'] as const) {
    if ((spec[name] ?? []).length > 0)
      report.error(
        'delegate',
        `spec.${name}`,
        `a VirtualService without hosts is a delegate; it cannot have ${name}`,
        'set hosts, or remove it',
      );
  }
}

/** Claims of a token are known behind a gateway's authentication only. */
function validateClaims(report: Report, spec: VirtualServiceFields): void {
  for (const [index, route] of (spec.http ?? []).entries()) {
    for (const [position, match] of (route.match ?? []).entries()) {
      for (const list of ['headers', 'withoutHeaders'] as const) {
        for (const name of Object.keys(match[list] ?? {}).filter(isClaimRoute)) {
          report.error(
            'claimRoute',
            keyed(`spec.http[${index}].match[${position}].${list}`, name),
            'routing by a claim works at a gateway only',
            'name gateways, without mesh',
          );
        }
      }
    }
  }
}

function validateHosts(report: Report, spec: VirtualServiceFields, gatewayOnly: boolean): void {
  const { hosts = [], tls = [] } = spec;
  const sni = tls.some(({ match = [] }) => match.some(({ sniHosts = [] }) => sniHosts.length > 0));
  let valid = true;
  for (const [index, host] of hosts.entries()) {
    const field = `spec.hosts[${index}]`;
    const problem = gatewayOnly ? gatewayDomainProblem(host, sni) : wildcardDomainProblem(host);
    if (problem !== undefined && !isIpAddress(host)) {
      report.error('hostname', field, problem);
      valid = false;
    } else if (problem === undefined && host === '*' && !gatewayOnly) {
      report.error(
        'meshWildcard',
        field,
        '* would take over every host of the mesh',
        'name a domain, or bind the VirtualService to gateways',
      );
      valid = false;
    }
  }
  if (valid) validateOverlap(report, hosts);
}

/** One host of a VirtualService must not cover another. */
function validateOverlap(report: Report, hosts: readonly string[]): void {
  for (const [index, host] of hosts.entries()) {
    for (const [offset, other] of hosts.slice(index + 1).entries()) {
      if (hostMatches(host, other))
        report.error(
          'overlappingHosts',
          `spec.hosts[${index + 1 + offset}]`,
          `${other} overlaps with ${host}`,
          'remove one of them',
        );
    }
  }
}
