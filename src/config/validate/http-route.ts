import type { HTTPRouteDestinationFields, HTTPRouteFields, RouteDestinationFields } from '../schema/virtual-service.ts';
import { validateCorsPolicy } from './cors-policy.ts';
import { validateDestination } from './destination.ts';
import { validateHttpFault } from './http-fault.ts';
import { validateHeaders } from './http-header.ts';
import { validateHttpMatch } from './http-match.ts';
import { validateHttpRetry } from './http-retry.ts';
import {
  routeRoleOf,
  validateAuthorityRewrite,
  validateDirectResponse,
  validateRedirect,
  validateRewrite,
  validateRouteActions,
} from './http-route-action.ts';
import type { Report } from './problem.ts';
import { validateDuration } from './time.ts';

export interface RouteOptions {
  /** The VirtualService has no hosts: its routes are merged into those of another. */
  readonly delegate: boolean;
  /** Istio made it from a Gateway API route, whose destinations follow looser rules. */
  readonly kubernetesGateway: boolean;
}

export function validateHttpRoute(report: Report, field: string, route: HTTPRouteFields, options: RouteOptions): void {
  validateRouteActions(report, field, route, routeRoleOf(route, options.delegate));
  const matches = route.match ?? [];
  for (const [index, match] of matches.entries()) validateHttpMatch(report, `${field}.match[${index}]`, match);
  validateHeaders(report, `${field}.headers`, route.headers);
  validateCorsPolicy(report, `${field}.corsPolicy`, route.corsPolicy);
  validateHttpFault(report, `${field}.fault`, route.fault);
  validateMirrors(report, field, route);
  validateRedirect(report, `${field}.redirect`, route.redirect, matches);
  validateDirectResponse(report, `${field}.directResponse`, route.directResponse);
  validateHttpRetry(report, `${field}.retries`, route.retries);
  validateRewrite(report, `${field}.rewrite`, route.rewrite);
  validateAuthorityRewrite(report, field, route);
  validateHttpDestinations(report, `${field}.route`, route.route, options);
  validateDuration(report, `${field}.timeout`, route.timeout);
}

function validateMirrors(report: Report, field: string, route: HTTPRouteFields): void {
  const deprecated = route.mirrorPercent ?? route.mirror_percent;
  if (deprecated !== undefined && deprecated !== null) {
    if (deprecated > 100) report.error('percent', `${field}.mirrorPercent`, `${deprecated} is more than 100 percent`);
    report.warning('deprecatedField', `${field}.mirrorPercent`, 'mirrorPercent is deprecated', 'use mirrorPercentage');
  }
  report.check('percent', `${field}.mirrorPercentage.value`, mirrorPercentProblem(route.mirrorPercentage?.value));
  validateDestination(report, `${field}.mirror`, route.mirror);
  validateHttpMirrors(report, `${field}.mirrors`, route.mirrors);
}

export function validateHttpMirrors(report: Report, field: string, mirrors: HTTPRouteFields['mirrors']): void {
  for (const [index, mirror] of (mirrors ?? []).entries()) {
    const at = `${field}[${index}]`;
    if (mirror.destination === undefined) {
      report.error('destinationRequired', `${at}.destination`, 'a mirror needs a destination');
      continue;
    }
    validateDestination(report, `${at}.destination`, mirror.destination);
    report.check('percent', `${at}.percentage.value`, mirrorPercentProblem(mirror.percentage?.value));
  }
}

function mirrorPercentProblem(value = 0): string | undefined {
  return value >= 0 && value <= 100 ? undefined : `${value} is not a percentage; percentages are 0 to 100`;
}

export function validateHttpDestinations(
  report: Report,
  field: string,
  destinations: readonly HTTPRouteDestinationFields[] | undefined,
  options: Pick<RouteOptions, 'kubernetesGateway'>,
): void {
  for (const [index, { headers }] of (destinations ?? []).entries())
    validateHeaders(report, `${field}[${index}].headers`, headers);
  validateDestinations(report, field, destinations, options);
}

/** Where HTTP, TLS and TCP routes lead, with weights. */
export function validateDestinations(
  report: Report,
  field: string,
  destinations: readonly RouteDestinationFields[] | undefined,
  { kubernetesGateway }: Pick<RouteOptions, 'kubernetesGateway'>,
): void {
  let total = 0;
  for (const [index, { destination, weight = 0 }] of (destinations ?? []).entries()) {
    const at = `${field}[${index}]`;
    if (destination === undefined)
      report.error('destinationRequired', `${at}.destination`, 'a route needs a destination');
    if (!kubernetesGateway) validateDestination(report, `${at}.destination`, destination);
    report.check('weight', `${at}.weight`, weightProblem(weight));
    total += weight;
  }
  // The sum is kept in 32 bits.
  if ((destinations ?? []).length > 1 && (total | 0) === 0)
    report.error('weight', field, 'the weights add up to 0, so nothing is ever chosen', 'set a weight');
}

export function weightProblem(weight: number): string | undefined {
  return weight < 0 ? `weight ${weight} is negative` : undefined;
}
