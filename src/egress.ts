import type { Agent } from 'node:http';
import { wrapAgent } from './adapters/http-agent.ts';
import { installSeams, type Installation } from './adapters/install.ts';
import { verifySeams, type Verification } from './adapters/loopback-verify.ts';
import { PatchRegistry } from './adapters/patch-registry.ts';
import type { DenyAs, ExchangeObserver, TimeoutAs } from './adapters/seam.ts';
import { undiciInterceptor, type UndiciInterceptor } from './adapters/undici.ts';
import type { Workload } from './core/model/connection.ts';
import type { MeshConfig } from './core/model/mesh-config.ts';
import { EgressGuard } from './egress-guard.ts';
import type { DnsQueries } from './egress-options.ts';
import { EgressConfigError, EgressError } from './errors.ts';
import { loaderOf } from './policy-loader.ts';
import { createAccessLog, type AccessLogSetting } from './telemetry/access-log.ts';
import { callSilently } from './telemetry/foreign-call.ts';
import { EgressMetrics, type MetricsOptions } from './telemetry/metrics.ts';
import type { AddressGuardMode } from './upstream/address-guard.ts';

export type { AccessLogSetting } from './telemetry/access-log.ts';
export type { DnsQueries } from './egress-options.ts';
export type { AddressGuardMode } from './upstream/address-guard.ts';
export type { DenyAs, TimeoutAs } from './adapters/seam.ts';
export type { Verification } from './adapters/loopback-verify.ts';
export type { UndiciInterceptor } from './adapters/undici.ts';

export interface EgressOptions {
  readonly meshConfig: MeshConfig;
  /** Who asks; absent: the mesh config's own. */
  readonly workload?: Workload;
  /** `report` denies nothing and tells what it would have denied. Absent: `enforce`. */
  readonly mode?: 'enforce' | 'report';
  /** How a denial reaches the client. Absent: `error`. */
  readonly denyAs?: DenyAs;
  /** How a timeout reaches the client. Absent: `response`, a 504. */
  readonly timeoutAs?: TimeoutAs;
  /** Absent: as the mesh config's `accessLogFile`, `accessLogFormat` and `accessLogEncoding` say. */
  readonly accessLog?: AccessLogSetting;
  /** Istio's standard metrics, kept in memory. Absent: none. */
  readonly metrics?: boolean | MetricsOptions | EgressMetrics;
  /** How far an admitted name vouches for its addresses. Absent: `rebinding`. */
  readonly addressGuard?: AddressGuardMode;
  /**
   * `admitted`: a name that the policy admits on no port fails to be looked up, as a name that does not exist, so that
   * nothing is carried out through DNS. Absent: `any`.
   */
  readonly dnsQueries?: DnsQueries;
  /** Unix sockets that may be opened: exact paths, or prefixes that end in `*`. Absent: none under REGISTRY_ONLY, else all. */
  readonly unixSockets?: readonly string[];
  /**
   * Folder with the certificates of the workload's own identity, for `ISTIO_MUTUAL` of a DestinationRule: `cert-chain.pem`,
   * `key.pem` and `root-cert.pem`, as a sidecar writes them (OUTPUT_CERTS), or `certificates.pem`, `private_key.pem` and
   * `ca_certificates.pem`. Read again when they change. Absent: such connections fail with ERR_EGRESS_TLS.
   */
  readonly meshCertificates?: string;
  /** Told of what went wrong inside, each kind once. Absent: a process warning. */
  readonly onWarning?: (message: string) => void;
  /** Between 0 and 1, 1 excluded; draws weights, faults and mirrors. Absent: `Math.random`. */
  readonly random?: () => number;
  /** Further watchers of decisions and ends. */
  readonly observers?: readonly ExchangeObserver[];
}

/** One policy at work in a process. */
export interface Egress {
  readonly mode: 'enforce' | 'report';
  /** The policy of the moment. */
  readonly meshConfig: MeshConfig;
  readonly metrics: EgressMetrics | undefined;
  /** Governs the requests of one agent, in place; its pooling stays. */
  wrapAgent<A extends Agent>(agent: A): A;
  /** Governs one undici dispatcher: `new Agent().compose(egress.interceptor())`. */
  interceptor(): UndiciInterceptor;
  /**
   * Governs everything in this process, and in this thread: workers are reached by the preload. Idempotent; gives what takes
   * it out again.
   *
   * @throws ERR_EGRESS_INSTALL when another egress governs the process.
   */
  install(): () => void;
  /**
   * Takes a new policy, from one moment to the next. Idle connections that are now denied are closed; those in use are
   * decided again at their next request. Paths are files, directories and globs, read with the options with which the
   * policy in force was read; a function is called for the policy.
   *
   * @throws ERR_EGRESS_CONFIG when it does not load, and whatever a function throws: the former policy stays.
   */
  update(policy: MeshConfig | (() => MeshConfig) | string | readonly string[]): void;
  /** Proves on loopback, for each client layer, that a denied destination is denied, and tells which functions others replaced. */
  verify(): Promise<Verification>;
  /**
   * Takes everything out at once: afterwards nothing is governed. Resolves when what was under way has ended and is
   * logged, or after a second.
   */
  close(): Promise<void>;
}

/** Puts a policy to work: nothing is governed until `install` or `wrapAgent` is called. */
export function createEgress(options: EgressOptions): Egress {
  const metrics = metricsOf(options);
  const accessLog = createAccessLog(options.accessLog, options.meshConfig);
  const observers: ExchangeObserver[] = [metrics, accessLog, ...(options.observers ?? [])].filter(
    (observer) => observer !== undefined,
  );
  const guard = new EgressGuard(options, observers, metrics);
  const agents = new PatchRegistry();
  const owner = {};
  let installation: Installation | undefined;
  const uninstall = (): void => {
    installation?.uninstall();
    installation = undefined;
  };
  return {
    mode: guard.mode,
    get meshConfig() {
      return guard.meshConfig;
    },
    metrics,
    wrapAgent(agent) {
      if (!governed.has(agent)) {
        wrapAgent(guard, agent, agents);
        governed.set(agent, guard);
      }
      return agent;
    },
    interceptor: () => undiciInterceptor(guard, agents),
    install() {
      if (!guard.active) throw new EgressError('ERR_EGRESS_INSTALL', 'this egress is closed');
      installation ??= installSeams(owner, guard);
      return uninstall;
    },
    update: (next) => guard.update(isPaths(next) ? () => loadAs(guard.meshConfig, next) : next),
    verify: () => verifySeams(guard, () => installation?.replaced() ?? []),
    close() {
      uninstall();
      agents.restore();
      guard.active = false;
      for (const observer of observers) callSilently(() => observer.flush?.());
      return new Promise((resolve) => {
        guard.whenIdle(() => {
          guard.close();
          for (const observer of observers) callSilently(() => observer.close?.());
          resolve();
        });
      });
    },
  };
}

/** Agents that a guard was put on already. */
const governed = new WeakMap<Agent, EgressGuard>();

function metricsOf({ metrics, meshConfig }: EgressOptions): EgressMetrics | undefined {
  if (!metrics) return undefined;
  if (metrics instanceof EgressMetrics) return metrics;
  return new EgressMetrics(meshConfig, metrics === true ? {} : metrics);
}

function isPaths(policy: unknown): policy is string | readonly string[] {
  return typeof policy === 'string' || Array.isArray(policy);
}

function loadAs(former: MeshConfig, paths: string | readonly string[]): MeshConfig {
  const load = loaderOf(former);
  if (load) return load(paths);
  throw new EgressConfigError('this policy was not read by this copy of the package: give update() a MeshConfig');
}
