import { compileMeshConfig, type CompiledMesh } from '../compile/compile-mesh.ts';
import type { FilterChain } from '../compile/filter-chain.ts';
import type { Connection } from '../model/connection.ts';
import type { Decision, Explanation, ExplanationStep } from '../model/decision.ts';
import type { MeshConfig } from '../model/mesh-config.ts';
import type { ResourceRef } from '../model/resource.ts';
import { readArrival, type Arrival } from './arrival.ts';
import { captureVerdict, captureVerdictOfPort } from './capture.ts';
import { decide } from './decide.ts';
import { findGatewayChain } from './gateway.ts';
import { nearestMiss } from './nearest-miss.ts';
import { findDialledChain } from './service-entry.ts';
import { findChain } from './sidecar.ts';
import { suggestServiceEntry } from './suggest-service-entry.ts';

/**
 * The answer of {@link decide} with the steps that led to it; for a denied connection also what came closest to admitting
 * it and the YAML that would. Slow beside `decide`: for people and error messages.
 */
export function explain(connection: Connection, meshConfig: MeshConfig): Explanation {
  const decision = decide(connection, meshConfig);
  const arrival = readArrival(connection);
  if (arrival === undefined || decision.reason === 'internal_error') {
    return { decision, steps: [{ step: 'connection', outcome: connectionFault(decision) }] };
  }
  const mesh = compileMeshConfig(meshConfig, connection.workload);
  const steps = [connectionStep(arrival), ...stepsOf(mesh, arrival, decision), answerStep(decision)];
  if (decision.action !== 'deny') return { decision, steps };
  const miss = nearestMiss(mesh, arrival, connection);
  const suggestion = suggestServiceEntry(mesh, arrival, connection, decision);
  return {
    decision,
    steps,
    ...(miss !== undefined && { nearestMiss: miss }),
    ...(suggestion !== undefined && { suggestion }),
  };
}

function connectionFault({ reason, ...decision }: Decision): string {
  if (reason === 'invalid_connection')
    return 'not a connection: a type, the host, the address, the SNI or the port is wrong';
  return 'responseCodeDetails' in decision ? (decision.responseCodeDetails ?? reason) : reason;
}

function connectionStep({ host, dialled, address, port, tls, sni, application }: Arrival): ExplanationStep {
  const target = host !== '' ? host : (address?.text ?? 'an unknown address');
  const bytes = tls ? `TLS with ${sni === '' ? 'no SNI' : `SNI ${sni}`}` : (application ?? 'bytes that are no HTTP');
  const where = host !== '' && address !== undefined ? ` at ${address.text}` : '';
  return { step: 'connection', outcome: `${dialled ? 'dialled' : 'arrives at'} ${target}:${port}${where}, ${bytes}` };
}

function stepsOf(mesh: CompiledMesh, arrival: Arrival, decision: Decision): ExplanationStep[] {
  const { scope } = mesh;
  if (scope.type === 'router') return [...gatewaySteps(mesh, arrival), ...routeSteps(decision)];
  const steps = [captureStep(mesh, arrival)];
  if (decision.reason === 'not_captured' || decision.reason === 'loop') return steps;
  steps.push(scopeStep(mesh));
  const chain = arrival.dialled ? findDialledChain(mesh, arrival) : findChain(mesh, arrival);
  if (arrival.host !== '') steps.push(serviceStep(mesh, arrival));
  steps.push(...chainSteps(chain), ...routeSteps(decision));
  if (chain !== undefined && isCatchAll(chain)) steps.push(policyStep(mesh));
  return steps;
}

function captureStep({ capture }: CompiledMesh, { address, port }: Arrival): ExplanationStep {
  const verdict = address === undefined ? captureVerdictOfPort(capture, port) : captureVerdict(capture, address, port);
  const outcome = {
    captured: 'governed',
    bypass: 'outside the capture settings, so it is not governed',
    dns: 'DNS, which the mesh answers by itself',
    unknown: 'depends on the address, taken as governed',
  }[verdict ?? 'unknown'];
  return { step: 'capture', outcome };
}

function scopeStep({ scope, workload }: CompiledMesh): ExplanationStep {
  const seen = `a workload of namespace ${workload.namespace} sees ${scope.services.length} services`;
  if (scope.sidecar === undefined) return { step: 'scope', outcome: `${seen}; no Sidecar resource applies` };
  return { step: 'scope', outcome: `${seen} through Sidecar ${nameOf(scope.sidecar)}`, resources: [scope.sidecar] };
}

function serviceStep(mesh: CompiledMesh, { host, port }: Arrival): ExplanationStep {
  const service = mesh.listeners.get(port)?.named(host)?.service;
  if (service === undefined) return { step: 'service', outcome: `none is named ${host} and has port ${port}` };
  const protocol = service.ports.find((each) => each.port === port)?.protocol ?? 'Unsupported';
  const how = protocol === 'Unsupported' ? 'detected protocol' : protocol;
  const outcome = `${service.hostname}:${port} (${how}) of ${service.ref.kind} ${nameOf(service.ref)}`;
  return { step: 'service', outcome, resources: [service.ref] };
}

function gatewaySteps(mesh: CompiledMesh, arrival: Arrival): ExplanationStep[] {
  const found = findGatewayChain(mesh, arrival);
  if (found === undefined) return [{ step: 'listener', outcome: `no server listens on port ${arrival.port}` }];
  return [{ step: 'listener', outcome: found.listener.name }, ...chainSteps(found.chain)];
}

function chainSteps(chain: FilterChain | undefined): ExplanationStep[] {
  if (chain === undefined) return [{ step: 'filter chain', outcome: 'none matches' }];
  const { http, origin, sniHosts, destinationCidrs } = chain;
  const criteria = [
    ...(sniHosts.length > 0 ? [`SNI ${sniHosts.join(', ')}`] : []),
    ...(destinationCidrs.length > 0 ? [`address in ${destinationCidrs.join(', ')}`] : []),
    ...(http ? ['HTTP'] : []),
  ];
  const matched = criteria.length > 0 ? criteria.join(', ') : 'whatever comes';
  const by = origin.virtualService ?? origin.gateway ?? origin.service?.ref;
  const outcome = `${origin.listener}${origin.name === undefined ? '' : ` ${origin.name}`}, for ${matched}`;
  return [{ step: 'filter chain', outcome, ...(by !== undefined && { resources: [by] }) }];
}

function routeSteps(decision: Decision): ExplanationStep[] {
  if (decision.virtualHost === undefined) return [];
  const steps: ExplanationStep[] = [{ step: 'virtual host', outcome: decision.virtualHost }];
  if (decision.routeName === undefined) return steps;
  const { virtualService } = decision;
  const name = decision.routeName === '' ? 'an unnamed route' : `route ${decision.routeName}`;
  if (virtualService === undefined) return [...steps, { step: 'route', outcome: name }];
  const outcome = `${name} of VirtualService ${nameOf(virtualService)}`;
  return [...steps, { step: 'route', outcome, resources: [virtualService] }];
}

function isCatchAll({ http, origin }: FilterChain): boolean {
  return !http && origin.service === undefined && origin.virtualService === undefined;
}

function policyStep({ scope }: CompiledMesh): ExplanationStep {
  const { policySource, outboundTrafficPolicy } = scope;
  const outcome = `${outboundTrafficPolicy.mode}, from ${policySource.kind} ${nameOf(policySource)}`;
  return { step: 'outbound traffic policy', outcome, resources: [policySource] };
}

function answerStep(decision: Decision): ExplanationStep {
  const { action, reason, cluster, determinedBy } = decision;
  const outcome = `${action}, ${reason}${cluster === '' ? '' : `, cluster ${cluster}`}`;
  return { step: 'answer', outcome, ...(determinedBy.length > 0 && { resources: determinedBy }) };
}

function nameOf({ namespace, name }: ResourceRef): string {
  return `${namespace}/${name}`;
}
