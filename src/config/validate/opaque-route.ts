import { hostSubsetOf } from '../../core/match/hostname.ts';
import type { TCPRouteFields, TLSRouteFields, VirtualServiceFields } from '../schema/virtual-service.ts';
import { gatewayDomainProblem, wildcardDomainProblem } from './hostname.ts';
import { validateTrafficSource } from './http-match.ts';
import { validateDestinations, type RouteOptions } from './http-route.ts';
import { isIpAddress, subnetProblem } from './ip-address.ts';
import type { Report } from './problem.ts';

type Options = Pick<RouteOptions, 'kubernetesGateway'>;
type Context = Pick<VirtualServiceFields, 'hosts' | 'gateways'>;

/** A gateway alone, without the mesh: then also with an empty list, which callers rule out where it matters. */
export function isGatewayOnly({ gateways = [] }: Context): boolean {
  return !gateways.includes('mesh');
}

export function validateTlsRoute(
  report: Report,
  field: string,
  route: TLSRouteFields,
  context: Context,
  options: Options,
): void {
  const matches = route.match ?? [];
  if (matches.length === 0)
    report.error('tlsMatch', `${field}.match`, 'a TLS route needs a match', 'match by sniHosts');
  for (const [index, match] of matches.entries()) validateTlsMatch(report, `${field}.match[${index}]`, match, context);
  if ((route.route ?? []).length === 0)
    report.error('destinationRequired', `${field}.route`, 'a TLS route needs a destination');
  validateDestinations(report, `${field}.route`, route.route, options);
}

export function validateTlsMatch(
  report: Report,
  field: string,
  match: TLSRouteFields['match'][number],
  context: Context,
): void {
  const hosts = match.sniHosts ?? [];
  if (hosts.length === 0) report.error('tlsMatch', `${field}.sniHosts`, 'a TLS match needs an SNI host');
  for (const [index, host] of hosts.entries()) validateSniHost(report, `${field}.sniHosts[${index}]`, host, context);
  validateSubnets(report, field, match.destinationSubnets);
  validateTrafficSource(report, field, match);
}

export function validateSniHost(report: Report, field: string, host: string, context: Context): void {
  const problem = isGatewayOnly(context) ? gatewayDomainProblem(host, true) : wildcardDomainProblem(host);
  if (problem !== undefined) {
    if (isIpAddress(host))
      report.warning(
        'sniIsAddress',
        field,
        `${JSON.stringify(host)} is an IP address, which clients do not send as SNI`,
      );
    else report.error('hostname', field, problem);
    return;
  }
  const { hosts = [] } = context;
  if (hosts.some((own) => hostSubsetOf(host, own))) return;
  report.error(
    'sniOutsideHosts',
    field,
    `${JSON.stringify(host)} lies outside the hosts of this VirtualService (${hosts.join(', ')})`,
    'add it to hosts',
  );
}

export function validateTcpRoute(report: Report, field: string, route: TCPRouteFields, options: Options): void {
  for (const [index, match] of (route.match ?? []).entries())
    validateTcpMatch(report, `${field}.match[${index}]`, match);
  if ((route.route ?? []).length === 0)
    report.error('destinationRequired', `${field}.route`, 'a TCP route needs a destination');
  validateDestinations(report, `${field}.route`, route.route, options);
}

export function validateTcpMatch(
  report: Report,
  field: string,
  match: NonNullable<TCPRouteFields['match']>[number],
): void {
  validateSubnets(report, field, match.destinationSubnets);
  validateTrafficSource(report, field, match);
}

function validateSubnets(report: Report, field: string, subnets: readonly string[] | undefined): void {
  for (const [index, subnet] of (subnets ?? []).entries())
    report.check('address', `${field}.destinationSubnets[${index}]`, subnetProblem(subnet));
}
