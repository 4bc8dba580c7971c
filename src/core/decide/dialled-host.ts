import type { CompiledMesh } from '../compile/compile-mesh.ts';
import { canonicalHost, isCanonicalName } from '../match/canonical-host.ts';
import type { Connection } from '../model/connection.ts';
import type { AllowDecision, Decision, DenyDecision, RouteDecision } from '../model/decision.ts';
import type { Arrival } from './arrival.ts';
import { authorityOf, followChain, withOtherAuthority } from './follow-chain.ts';
import { denyInvalid, denyMismatch } from './plain-answers.ts';
import { findDialledChain } from './service-entry.ts';

/**
 * Decides a connection of which the application named the destination. `captureUnknown`: whether it is governed at all
 * depends on the address, which is not known yet.
 *
 * A Host header or SNI that names another host than was dialled (domain fronting) has to be admitted as well: when only
 * one of the two is, the connection is denied; when both are, but by different rules, too (`host_mismatch`). Under a policy
 * that lets everything pass there is nothing to smuggle, and the Host or SNI decides as in Istio.
 */
export function decideDialled(
  connection: Connection,
  arrival: Arrival,
  mesh: CompiledMesh,
  captureUnknown: boolean,
): Decision {
  const decision = decideNames(connection, arrival, mesh);
  if (decision.action !== 'deny' || arrival.address !== undefined) return decision;
  const open = captureUnknown || mesh.listeners.get(arrival.port)?.needsAddress === true;
  return open ? provisionally(decision) : decision;
}

/** A denial that is made once is made once in this form, too. */
const provisional = new WeakMap<DenyDecision, DenyDecision>();

function provisionally(decision: DenyDecision): DenyDecision {
  let held = provisional.get(decision);
  if (held === undefined)
    provisional.set(decision, (held = Object.freeze({ ...decision, provisional: true as const })));
  return held;
}

function decideNames(connection: Connection, arrival: Arrival, mesh: CompiledMesh): Decision {
  const decision = followChain(findDialledChain(mesh, arrival), connection, arrival, mesh);
  if (decision.action === 'deny') return decision;
  const bySni = arrival.tls && arrival.sni !== '' && arrival.sni !== arrival.host ? arrival.sni : undefined;
  const byAuthority = otherAuthority(connection, arrival, decision);
  if (bySni === undefined && byAuthority === undefined) return decision;
  if (byAuthority === INVALID) return denyInvalid(connection);
  const dialled = decideAs(arrival.host, connection, arrival, mesh);
  if (dialled.action === 'deny') return dialled;
  for (const name of [bySni, byAuthority]) {
    if (name === undefined) continue;
    const named = decideAs(name, connection, { ...arrival, address: undefined }, mesh);
    if (named.action === 'deny') return named;
    if (!isSameRule(dialled, named)) return denyMismatch(mesh, arrival, dialled);
  }
  return decision;
}

const INVALID = Symbol('an authority that is no host');

/** The host that the authority names, where the request is looked at and it is not the one that was dialled. */
function otherAuthority(
  { authority, request }: Connection,
  { host, address, tls }: Arrival,
  { seenAs }: Decision,
): string | typeof INVALID | undefined {
  if (authority === undefined || (seenAs !== 'http' && !(tls && request !== undefined))) return undefined;
  if (authority === host) return undefined;
  const name = withoutPort(authority);
  if (name === host) return undefined;
  if (isCanonicalName(name)) return name;
  const canonical = canonicalHost(name.startsWith('[') ? name.slice(1, -1) : name);
  if (canonical.type === 'invalid') return INVALID;
  if (canonical.value === host || (host === '' && canonical.value === address?.text)) return undefined;
  return canonical.value;
}

function withoutPort(authority: string): string {
  const colon = authority.lastIndexOf(':');
  return colon < 0 || authority.endsWith(']') ? authority : authority.slice(0, colon);
}

/** The answer if nothing but `name` had been dialled and sent. */
function decideAs(name: string, connection: Connection, arrival: Arrival, mesh: CompiledMesh): Decision {
  const alone: Arrival = { ...arrival, host: name, sni: arrival.tls ? name : '' };
  return followChain(findDialledChain(mesh, alone), withOtherAuthority(connection, authorityOf(alone)), alone, mesh);
}

/** Whether two answers come from one rule: the same cluster, service or VirtualService, or a policy that asks nothing. */
function isSameRule(a: Decision, b: Decision): boolean {
  const first = forwardOf(a);
  const second = forwardOf(b);
  if (first === undefined || second === undefined) return false;
  if (isOpen(first) || isOpen(second) || first.cluster === second.cluster) return true;
  if (first.virtualService !== undefined && first.virtualService === second.virtualService) return true;
  const services = new Set(first.destinations.map(({ upstream }) => upstream?.service));
  return second.destinations.some(({ upstream }) => upstream?.service !== undefined && services.has(upstream.service));
}

function forwardOf(decision: Decision): AllowDecision | RouteDecision | undefined {
  if (decision.action === 'deny') return undefined;
  return decision.action === 'timeout' ? decision.then : decision;
}

function isOpen({ reason }: AllowDecision | RouteDecision): boolean {
  return reason === 'passthrough' || reason === 'dynamic_dns' || reason === 'egress_proxy';
}
