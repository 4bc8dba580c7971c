import type { Connection } from '../core/model/connection.ts';
import type { DecisionReason, DenyDecision, Explanation } from '../core/model/decision.ts';
import type { ResourceRef, SourceLocation } from '../core/model/resource.ts';
import { EgressDeniedError } from '../errors.ts';

/** What may follow "denied:" for each reason; `no_service_entry` has its own sentence. */
const SENTENCES: Partial<Record<DecisionReason, string>> = {
  no_route: 'the host is known, none of its routes matches',
  no_virtual_host: 'the gateway serves no such host',
  no_listener: 'the gateway does not listen on that port',
  no_filter_chain: 'the gateway has no filter chain for that server name',
  cluster_not_found: 'its route leads to a host that is not in the registry',
  no_healthy_upstream: 'its upstream has no endpoint',
  https_redirect: 'the gateway answers plaintext with a redirect',
  invalid_authority: 'the Host header is not one host',
  missing_host: 'the request has no Host header',
  invalid_path: 'the path is not valid',
  protocol_error: 'the port speaks another protocol',
  unsupported_upgrade: 'the upgrade is not supported',
  loop: "the port is one of the proxy's own",
  invalid_connection: 'the destination is not a host and port',
  internal_error: 'the guard failed, and fails closed',
};

/**
 * The error of a denial. Its first line alone says what, why, where the policy stands and the code, for clients that keep
 * nothing else of an error; the YAML that would admit the connection follows.
 */
export function deniedError(
  connection: Connection,
  decision: DenyDecision,
  explanation: Explanation | undefined,
  why?: string,
  cause?: unknown,
): EgressDeniedError {
  const { host, port, address } = connection;
  const name = printable(host ?? address ?? connection.sni ?? 'unknown');
  const reason = why ?? sentence(decision, name, port);
  const policy = where(decision);
  // Dialled by its address, and known by a name.
  const resolved = host !== undefined && address !== undefined && host !== address ? ` (${printable(address)})` : '';
  const lines = [`connection to ${name}:${port}${resolved} denied: ${reason}${policy} [ERR_EGRESS_DENIED]`];
  if (explanation?.nearestMiss) lines.push(`nearest: ${explanation.nearestMiss}`);
  if (explanation?.suggestion) lines.push('to allow it, add:', '', explanation.suggestion.trimEnd());
  return new EgressDeniedError(lines.join('\n'), {
    host: name,
    port,
    decision,
    ...(address !== undefined && { address }),
    ...(cause !== undefined && { cause }),
  });
}

function sentence({ reason }: DenyDecision, name: string, port: number): string {
  return SENTENCES[reason] ?? `no ServiceEntry admits host ${name} port ${port}`;
}

/** ` (policy REGISTRY_ONLY, mesh config file:line)`, or the resource that decided. */
function where({ reason, determinedBy }: DenyDecision): string {
  const [ref] = determinedBy;
  if (!ref) return '';
  if (reason !== 'no_service_entry') return ` (${resourceText(ref)})`;
  return ` (policy REGISTRY_ONLY, ${ref.kind === 'MeshConfig' ? `mesh config${place(ref.source)}` : resourceText(ref)})`;
}

function resourceText({ kind, namespace, name, source }: ResourceRef): string {
  return `${kind} ${namespace === '' ? '' : `${namespace}/`}${name}${place(source)}`;
}

function place(source: SourceLocation | undefined): string {
  if (source?.file === undefined) return '';
  return ` ${source.file}${source.line === undefined ? '' : `:${source.line}`}`;
}

/** Hosts come from the outside: no control characters in messages, and no more than a name can be long. */
function printable(host: unknown): string {
  const text = typeof host === 'string' ? host : `(${typeof host})`;
  // eslint-disable-next-line no-control-regex -- these are what is to be replaced
  return text.slice(0, 256).replace(/[\u0000-\u0020\u007f-\u009f\u2028\u2029]/g, '?');
}

/** A denial that the core did not make: by a seam, for an address, or because something broke. */
export function denyDecision(reason: DecisionReason, seenAs: DenyDecision['seenAs'] = 'tcp'): DenyDecision {
  return {
    action: 'deny',
    reason,
    cluster: 'BlackHoleCluster',
    determinedBy: [],
    seenAs,
    responseFlags: 'UH',
    ...(seenAs === 'http' && {
      localReply: { status: 502 },
      responseFlags: '',
      responseCodeDetails: 'direct_response',
    }),
  };
}

/** The errors of denials, with the explanation of each destination made once: an application may try again and again. */
export class Denials {
  readonly #explain: (connection: Connection) => Explanation | undefined;
  readonly #explanations = new Map<string, Explanation | undefined>();

  constructor(explain: (connection: Connection) => Explanation | undefined) {
    this.#explain = explain;
  }

  errorOf(connection: Connection, decision: DenyDecision): EgressDeniedError {
    const { host, port, transport, sni } = connection;
    const key = [host, port, transport, sni, decision.reason].join(' ');
    if (!this.#explanations.has(key)) {
      if (this.#explanations.size >= 500) this.#explanations.clear();
      this.#explanations.set(key, decision.determinedBy.length > 0 ? this.#explain(connection) : undefined);
    }
    return deniedError(connection, decision, this.#explanations.get(key));
  }

  /** The policy changed. */
  forget(): void {
    this.#explanations.clear();
  }
}
