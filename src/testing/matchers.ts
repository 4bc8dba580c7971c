import { decide, explain } from '../core/index.ts';
import type { Connection, Decision, MeshConfig } from '../core/index.ts';
import { connectionTo } from './connection-to.ts';

/** A URL, `host:port`, or a whole Connection. */
export type Target = string | URL | Connection;

/** What a matcher answers, in the shape that Vitest and Jest share. */
export interface MatcherResult {
  readonly pass: boolean;
  readonly message: () => string;
}

/** The matchers, for `expect(meshConfig)`. */
export interface EgressMatchers<R = unknown> {
  /** The policy lets the connection go: allowed, routed or allowed with a timeout. */
  toAllow(target: Target): R;
  /** The policy refuses the connection; with `reason`, for just that reason. */
  toDeny(target: Target, reason?: string): R;
  /** The connection goes to this cluster, `outbound|80||api.example.com`, or to a destination whose host this is. */
  toRouteTo(target: Target, destination: string): R;
  /** The connection is given this long, in milliseconds. */
  toTimeOutAfter(target: Target, timeoutMs: number): R;
}

/** For `expect.extend(egressMatchers)`; the entries `sidecarless/vitest` and `sidecarless/jest` do just that. */
export const egressMatchers = {
  toAllow(mesh: MeshConfig, target: Target): MatcherResult {
    const { decision, told } = ask(mesh, target);
    return result(goes(decision), `${told} to be allowed`, `${told} not to be allowed`, mesh, target);
  },
  toDeny(mesh: MeshConfig, target: Target, reason?: string): MatcherResult {
    const { decision, told } = ask(mesh, target);
    const pass = !goes(decision) && (reason === undefined || decision.reason === reason);
    const because = reason === undefined ? '' : ` because of \`${reason}\``;
    return result(pass, `${told} to be denied${because}`, `${told} not to be denied${because}`, mesh, target);
  },
  toRouteTo(mesh: MeshConfig, target: Target, destination: string): MatcherResult {
    const { decision, told } = ask(mesh, target);
    const clusters = clustersOf(decision);
    const pass = clusters.some((cluster) => cluster === destination || cluster.split('|')[3] === destination);
    return result(pass, `${told} to go to \`${destination}\``, `${told} not to go to \`${destination}\``, mesh, target);
  },
  toTimeOutAfter(mesh: MeshConfig, target: Target, timeoutMs: number): MatcherResult {
    const { decision, told } = ask(mesh, target);
    const pass = decision.action === 'timeout' && decision.timeoutMs === timeoutMs;
    return result(
      pass,
      `${told} to time out after ${timeoutMs} ms`,
      `${told} not to time out after ${timeoutMs} ms`,
      mesh,
      target,
    );
  },
};

/** The decision that `meshConfig` takes for `target`. */
export function decideFor(meshConfig: MeshConfig, target: Target): Decision {
  return decide(toConnection(target), meshConfig);
}

function goes(decision: Decision): boolean {
  return decision.action !== 'deny';
}

function clustersOf(decision: Decision): readonly string[] {
  if (decision.action === 'timeout') return clustersOf(decision.then);
  if (decision.action === 'deny') return [decision.cluster];
  return decision.destinations.length > 0 ? decision.destinations.map((d) => d.cluster) : [decision.cluster];
}

function toConnection(target: Target): Connection {
  return typeof target === 'string' || target instanceof URL ? connectionTo(target) : target;
}

function ask(mesh: MeshConfig, target: Target): { decision: Decision; told: string } {
  const connection = toConnection(target);
  const name =
    typeof target === 'string' || target instanceof URL
      ? String(target)
      : `${connection.host ?? connection.address}:${connection.port}`;
  return { decision: decide(connection, mesh), told: `expected ${name}` };
}

/** The message is made only when it is read: an explanation costs more than a decision. */
function result(pass: boolean, wanted: string, unwanted: string, mesh: MeshConfig, target: Target): MatcherResult {
  return { pass, message: () => [pass ? unwanted : wanted, ...explained(mesh, target)].join('\n') };
}

function explained(mesh: MeshConfig, target: Target): string[] {
  const { decision, steps, nearestMiss, suggestion } = explain(toConnection(target), mesh);
  const resources = decision.determinedBy.map((r) => {
    const place = r.source?.file ? ` (${r.source.file}${r.source.line === undefined ? '' : `:${r.source.line}`})` : '';
    return `${r.kind} ${r.namespace}/${r.name}${place}`;
  });
  return [
    `it was: ${decision.action} (${decision.reason})${decision.cluster ? `, cluster ${decision.cluster}` : ''}`,
    ...(resources.length > 0 ? [`determined by ${resources.join(', ')}`] : []),
    ...steps.map(({ step, outcome }) => `  ${step}: ${outcome}`),
    ...(nearestMiss ? [`nearest miss: ${nearestMiss}`] : []),
    ...(decision.action === 'deny' && suggestion ? ['this would allow it:', suggestion] : []),
  ];
}
