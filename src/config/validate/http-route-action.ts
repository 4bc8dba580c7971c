import type { HTTPMatchFields, HTTPRedirectFields, HTTPRouteFields } from '../schema/virtual-service.ts';
import { httpStatusProblem } from './http-fault.ts';
import { isAuthorityHeader } from './http-header.ts';
import { portProblem } from './port.ts';
import { keyed, type Report } from './problem.ts';
import { REGEX_FIX, regexProblem } from './regex.ts';

const KIB = 1024;

/** `independent` routes act themselves; a `root` route hands over to a delegate's. */
export type RouteRole = 'independent' | 'root' | 'delegate';

export function routeRoleOf(route: Pick<HTTPRouteFields, 'delegate'>, inDelegate: boolean): RouteRole {
  if (inDelegate) return 'delegate';
  return route.delegate === undefined ? 'independent' : 'root';
}

/** Actions that exclude each other. */
export function validateRouteActions(report: Report, field: string, route: HTTPRouteFields, role: RouteRole): void {
  if (role === 'root') {
    for (const action of ['redirect', 'route'] as const) {
      if (route[action] !== undefined)
        report.error(
          'rootRoute',
          `${field}.${action}`,
          `the route delegates; the delegate decides, and ${action} must not be set`,
        );
    }
    return;
  }
  if (role === 'delegate' && route.delegate !== undefined) {
    report.error('nestedDelegate', `${field}.delegate`, 'a delegate cannot delegate further');
  }
  const forwards = (route.route ?? []).length > 0;
  if (route.redirect !== undefined || route.directResponse !== undefined) {
    const reply = route.redirect !== undefined ? 'redirect' : 'directResponse';
    if (route.redirect !== undefined && route.directResponse !== undefined)
      exclude(report, field, 'redirect', 'directResponse');
    if (forwards) exclude(report, field, 'route', reply);
    if (route.fault !== undefined) exclude(report, field, 'fault', reply);
    if (route.rewrite !== undefined) exclude(report, field, 'rewrite', reply);
  } else if (!forwards) {
    report.error('routeWithoutAction', field, 'the route does nothing', 'set route, redirect or directResponse');
  }
  if (route.mirror !== undefined && (route.mirrors ?? []).length > 0) exclude(report, field, 'mirror', 'mirrors');
}

function exclude(report: Report, field: string, one: string, other: string): void {
  report.error('exclusiveActions', `${field}.${one}`, `${one} and ${other} exclude each other`, 'keep one of them');
}

export function validateRedirect(
  report: Report,
  field: string,
  redirect: HTTPRedirectFields | undefined,
  matches: readonly HTTPMatchFields[],
): void {
  if (redirect === undefined) return;
  const { uri = '', prefixRewrite = '', authority = '', scheme = '', redirectCode = 0 } = redirect;
  const portSet = redirect.port !== undefined || redirect.derivePort !== undefined;
  if (uri === '' && prefixRewrite === '' && authority === '' && scheme === '' && !portSet) {
    report.error('redirect', field, 'the redirect leads nowhere', 'set uri, prefixRewrite, authority, scheme or port');
    return;
  }
  if (uri !== '' && prefixRewrite !== '')
    report.error('redirect', field, 'uri and prefixRewrite exclude each other', 'keep one of them');
  if (
    prefixRewrite !== '' &&
    matches.some((match) => match.uri?.exact !== undefined || match.uri?.regex !== undefined)
  ) {
    report.error(
      'redirect',
      `${field}.prefixRewrite`,
      'prefixRewrite replaces the matched prefix; a match of this route has none',
      'match by uri.prefix, or use uri',
    );
  }
  if (redirectCode !== 0 && (redirectCode < 300 || redirectCode > 399)) {
    report.error(
      'redirect',
      `${field}.redirectCode`,
      `${redirectCode} is not a redirect; use 301, 302, 303, 307 or 308`,
    );
  }
  if (scheme !== '' && scheme !== 'http' && scheme !== 'https')
    report.error('redirect', `${field}.scheme`, `${JSON.stringify(scheme)} is neither http nor https`);
  if ((redirect.port ?? 0) > 0) report.check('port', `${field}.port`, portProblem(redirect.port ?? 0));
}

export function validateDirectResponse(
  report: Report,
  field: string,
  response: HTTPRouteFields['directResponse'],
): void {
  if (response === undefined) return;
  const { body, status = 0 } = response;
  const size =
    body?.string === undefined ? Buffer.byteLength(body?.bytes ?? '', 'base64') : Buffer.byteLength(body.string);
  if (size > KIB * KIB) report.error('directResponse', `${field}.body`, 'the body is larger than 1 MiB');
  else if (size > 100 * KIB)
    report.warning('directResponse', `${field}.body`, 'a body of more than 100 KiB burdens every proxy');
  report.check('httpStatus', `${field}.status`, httpStatusProblem(status | 0));
}

export function validateRewrite(report: Report, field: string, rewrite: HTTPRouteFields['rewrite']): void {
  if (rewrite === undefined) return;
  const { uri = '', authority = '', uriRegexRewrite } = rewrite;
  if (uri !== '' && uriRegexRewrite !== undefined) {
    report.error('rewrite', field, 'uri and uriRegexRewrite exclude each other', 'keep one of them');
  } else if (uri === '' && authority === '' && uriRegexRewrite === undefined) {
    report.error('rewrite', field, 'the rewrite changes nothing', 'set uri, uriRegexRewrite or authority');
  } else if (uriRegexRewrite !== undefined) {
    validateRegexRewrite(report, `${field}.uriRegexRewrite`, uriRegexRewrite);
  }
}

export function validateRegexRewrite(
  report: Report,
  field: string,
  { match = '', rewrite = '' }: { readonly match?: string | undefined; readonly rewrite?: string | undefined },
): void {
  if (match === '' || rewrite === '') report.error('rewrite', field, 'uriRegexRewrite needs match and rewrite');
  else report.check('regex', `${field}.match`, regexProblem(match), REGEX_FIX);
}

/** The authority can be replaced in one place only. */
export function validateAuthorityRewrite(
  report: Report,
  field: string,
  route: Pick<HTTPRouteFields, 'rewrite' | 'headers'>,
): void {
  let current = route.rewrite?.authority ?? '';
  for (const operation of ['set', 'add'] as const) {
    for (const [name, value] of Object.entries(route.headers?.request?.[operation] ?? {})) {
      if (!isAuthorityHeader(name)) continue;
      if (current !== '') {
        report.error(
          'authorityTwice',
          keyed(`${field}.headers.request.${operation}`, name),
          `the authority is already replaced by ${JSON.stringify(current)}`,
          'keep one of them',
        );
        return;
      }
      current = value;
    }
  }
}
