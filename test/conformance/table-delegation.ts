import {
  hasConflict,
  mergeHttpMatchRequest,
  mergeHttpMatchRequests,
  mergeHttpRoute,
  mergeHttpRoutes,
  stringMatchConflict,
} from '../../src/core/compile/virtual-service-delegate.ts';
import type { HTTPMatchRequest, HTTPRoute, StringMatch } from '../../src/core/model/virtual-service.ts';
import { compare, notApplicable, type TableCase, type Verdict, withoutNulls } from './table.ts';

/** A delegate's routes under its root's. */
export function delegationTable(tableCase: TableCase): Verdict[] {
  const { result } = tableCase;
  const { root, delegate, leaf } = withoutNulls(tableCase['input']) as Readonly<Record<string, unknown>>;
  switch (tableCase.function) {
    case 'MergeHTTPRoutes':
      return [compare(result, mergeHttpRoutes(root as HTTPRoute, delegate as HTTPRoute[]))];
    case 'mergeHTTPRoute':
      return [compare(result, mergeHttpRoute(root as HTTPRoute, delegate as HTTPRoute))];
    case 'mergeHTTPMatchRequests':
      return [
        compare(
          result,
          mergeHttpMatchRequests((root ?? []) as HTTPMatchRequest[], (delegate ?? []) as HTTPMatchRequest[]),
        ),
      ];
    case 'mergeHTTPMatchRequest':
      return [compare(result, mergeHttpMatchRequest(root ?? {}, delegate ?? {}))];
    case 'hasConflict':
      return [compare(result, hasConflict(root ?? {}, leaf ?? {}))];
    case 'stringMatchConflict':
      return [compare(result, stringMatchConflict(root as StringMatch | undefined, leaf as StringMatch | undefined))];
    default:
      return [notApplicable('unknown function')];
  }
}
