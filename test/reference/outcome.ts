/** A Decision in the few words that the naive decision speaks. */
import type { Decision } from '../../src/core/model/decision.ts';
import type { ResourceRef } from '../../src/core/model/resource.ts';
import type { Outcome } from './naive-decision.ts';

export function outcomeOf(decision: Decision): Outcome {
  const outer = decision.action === 'deny' ? decision.route : decision;
  const forward = outer?.action === 'timeout' ? outer.then : outer;
  const timeoutMs = outer?.action === 'timeout' ? outer.timeoutMs : 0;
  const reply =
    decision.action === 'deny' ? decision.localReply : forward?.action === 'route' ? forward.localReply : undefined;
  const destinations = forward?.destinations ?? [];
  const missing = destinations.length > 0 && destinations.every(({ upstream }) => upstream === undefined);
  const http = decision.seenAs === 'http';
  const routed =
    http && reason(decision) !== 'redirect' && reason(decision) !== 'direct_response' && forward !== undefined;
  const outcome = missing
    ? http
      ? 'reply'
      : 'close'
    : reply !== undefined
      ? 'reply'
      : decision.action === 'deny'
        ? 'close'
        : 'forward';
  const rules = destinations.flatMap(({ upstream }) => upstream?.destinationRule ?? []).map(nameOf);
  return {
    outcome,
    ...(outcome === 'reply' ? { status: reply?.status ?? 503 } : {}),
    clusters: destinations
      .map(
        ({ cluster, weight, upstream }) =>
          `${cluster} ${destinations.length === 1 ? 1 : weight}${upstream === undefined ? '!' : ''}`,
      )
      .sort(),
    seenAs: decision.seenAs,
    ...(decision.virtualHost === undefined ? {} : { virtualHost: decision.virtualHost }),
    ...(decision.routeName === undefined ? {} : { routeName: decision.routeName }),
    ...(decision.virtualService === undefined ? {} : { virtualService: nameOf(decision.virtualService) }),
    ...(outcome === 'forward' ? { destinationRules: [...new Set(rules)].sort() } : {}),
    ...(routed ? { timeoutMs } : {}),
  };
}

function reason(decision: Decision): string {
  return decision.action === 'timeout' ? decision.then.reason : decision.reason;
}

function nameOf({ namespace, name }: ResourceRef): string {
  return `${namespace}/${name}`;
}
