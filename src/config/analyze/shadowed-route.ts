import type { VirtualServiceSpec } from '../../core/model/virtual-service.ts';
import type { VirtualServiceFields } from '../schema/virtual-service.ts';
import { Report } from '../validate/problem.ts';
import { warnUnusedRoutes } from '../validate/unused-route.ts';
import type { Analysis, Analyzed } from './analysis.ts';
import type { Check } from './check.ts';
import { httpMatchCovers, tcpMatchCovers, tlsMatchCovers } from './match-coverage.ts';

/** A match with its place. A route without matches has one that takes everything. */
interface Placed<Match> {
  readonly match: Match | undefined;
  readonly field: string;
}

/**
 * Routes and matches that an earlier one takes everything from. Istio compares matches by their text; this compares
 * what they take, and is silent where Istio's warning says it already.
 */
export const shadowedRoute: Check = {
  id: 'shadowed-route',
  codes: ['SCL2001'],
  run(analysis) {
    for (const virtualService of analysis.all('VirtualService')) {
      const known = new Report();
      warnUnusedRoutes(known, virtualService.spec as VirtualServiceFields);
      const said = new Set(known.problems.map(({ field }) => field));
      const { http = [], tls = [], tcp = [] } = virtualService.spec;
      compare(analysis, virtualService, placed('spec.http', http), httpMatchCovers, said);
      compare(analysis, virtualService, placed('spec.tls', tls), tlsMatchCovers, said);
      compare(analysis, virtualService, placed('spec.tcp', tcp), tcpMatchCovers, said);
    }
  },
};

function placed<Match>(field: string, routes: readonly { readonly match?: readonly Match[] }[]): Placed<Match>[] {
  return routes.flatMap(({ match = [] }, index): Placed<Match>[] => {
    const at = `${field}[${index}]`;
    if (match.length === 0) return [{ match: undefined, field: at }];
    return match.map((each, position) => ({ match: each, field: `${at}.match[${position}]` }));
  });
}

function compare<Match>(
  analysis: Analysis,
  virtualService: Analyzed<VirtualServiceSpec>,
  matches: readonly Placed<Match>[],
  covers: (earlier: Match | undefined, later: Match | undefined) => boolean,
  said: ReadonlySet<string>,
): void {
  for (const [index, later] of matches.entries()) {
    const route = later.field.replace(/\.match\[\d+\]$/, '');
    if (said.has(later.field) || said.has(route)) continue;
    const earlier = matches.slice(0, index).find(({ match }) => covers(match, later.match));
    if (earlier === undefined) continue;
    analysis.report('SCL2001', virtualService, `${earlier.field} takes everything that this would`, {
      field: later.field,
      fix: 'move the narrower one to the front, or remove it',
    });
  }
}
