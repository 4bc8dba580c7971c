import type { ClientTLSSettings } from '../model/destination-rule.ts';
import type { UpstreamTls } from '../model/decision.ts';
import type { MeshEndpoint, MeshService } from './compiled.ts';
import type { MeshConfig } from '../model/mesh-config.ts';

const IN_MESH: readonly string[] = Object.freeze(['istio-peer-exchange', 'istio']);
const IN_MESH_HTTP2: readonly string[] = Object.freeze([...IN_MESH, 'h2']);
const HTTP2: readonly string[] = Object.freeze(['h2']);

/** ConfigMaps may be read by every proxy, and this name stands for a certificate that cannot be had. */
const UNPRIVILEGED = /^(?:configmap:\/\/|invalid:\/\/$)/;

/** What TLS origination depends on, beside its settings. */
export interface OriginationContext {
  readonly isSidecar: boolean;
  readonly isHttp2: boolean;
  readonly isDynamicDns: boolean;
  /** The rule picks its workloads, so that secrets of its namespace may be read. */
  readonly ruleHasSelector: boolean;
  /** Names of the server that stand in for those the settings leave out. */
  readonly entryNames: readonly string[];
}

export interface TlsContext extends OriginationContext {
  readonly mesh: MeshConfig;
  readonly service: MeshService;
  readonly port: number;
  readonly subset: string;
  readonly isOriginalDst: boolean;
  /** Of the port, whatever the subset. */
  readonly endpoints: readonly MeshEndpoint[];
  /** `PASSTHROUGH` as the load balancer of the policy that was written for this cluster. */
  readonly passthroughPolicy: boolean;
}

/** The TLS that is originated to a cluster; undefined: as the application sends it. */
export function upstreamTls(tls: ClientTLSSettings | undefined, context: TlsContext): UpstreamTls | undefined {
  if (tls === undefined) return automaticMutualTls(context);
  if (tls.mode === 'ISTIO_MUTUAL') return meshTls(context, tls.sni, tls.subjectAltNames);
  return originatedTls(tls, context);
}

/** A sidecar may read a secret only for a rule that selects its workload. Without it nothing is encrypted. */
function isForbiddenSecret({ credentialName = '' }: ClientTLSSettings, context: OriginationContext): boolean {
  return credentialName !== '' && !UNPRIVILEGED.test(credentialName) && context.isSidecar && !context.ruleHasSelector;
}

/** TLS as ordinary servers speak it: modes SIMPLE and MUTUAL. Undefined for others, and for what cannot be set up. */
export function originatedTls(tls: ClientTLSSettings, context: OriginationContext): UpstreamTls | undefined {
  const { mode, sni = '', credentialName = '', clientCertificate = '', privateKey = '', caCrl = '' } = tls;
  if ((mode !== 'SIMPLE' && mode !== 'MUTUAL') || isForbiddenSecret(tls, context)) return undefined;
  const fromFiles = credentialName === '';
  const needsFiles = fromFiles && mode === 'MUTUAL';
  if (needsFiles && (clientCertificate === '' || privateKey === '')) return undefined;
  const insecure = tls.insecureSkipVerify === true;
  const named = tls.subjectAltNames ?? [];
  const subjectAltNames = named.length > 0 ? named : context.entryNames;
  const autoSni = sni === '';
  const autoSan = !insecure && (context.isDynamicDns || (autoSni && named.length === 0));
  return {
    mode,
    ...(autoSni ? { autoSni } : { sni }),
    ...(autoSan ? { autoSanValidation: true } : {}),
    ...(insecure || subjectAltNames.length === 0 ? {} : { subjectAltNames }),
    ...(context.isHttp2 ? { alpn: HTTP2 } : {}),
    ...(needsFiles ? { clientCertificate, privateKey } : {}),
    ...(fromFiles ? {} : { credentialName }),
    ...(insecure ? { insecureSkipVerify: true } : {}),
    ...(fromFiles && !insecure ? { caCertificates: tls.caCertificates || 'system' } : {}),
    ...(fromFiles && !insecure && caCrl !== '' ? { caCrl } : {}),
  };
}

/** Istio's mutual TLS. Without an SNI of the rule it names port, subset and host. */
function meshTls(context: TlsContext, sni = '', subjectAltNames: readonly string[] = []): UpstreamTls {
  const { service, port, subset } = context;
  const names = subjectAltNames.length > 0 ? subjectAltNames : identities(context);
  return {
    mode: 'ISTIO_MUTUAL',
    sni: sni === '' ? `outbound_.${port}_.${subset === '' ? '_' : `${subset}_`}.${service.hostname}` : sni,
    alpn: context.isHttp2 ? IN_MESH_HTTP2 : IN_MESH,
    ...(names.length === 0 ? {} : { subjectAltNames: names }),
  };
}

/** Who may answer for a service of the mesh: the identities of its endpoints, and those its entry names. */
function identities({ service, mesh }: TlsContext): readonly string[] {
  const accounts = service.endpoints.flatMap(({ serviceAccount }) =>
    serviceAccount === undefined || serviceAccount === '' ? [] : [`/ns/${service.namespace}/sa/${serviceAccount}`],
  );
  const domains = [mesh.trustDomain, ...mesh.trustDomainAliases];
  const names = accounts.flatMap((account) => domains.map((domain) => `spiffe://${domain}${account}`));
  return [...new Set([...names, ...service.subjectAltNames])].sort();
}

/**
 * Mutual TLS without a rule: only inside the mesh, and only to endpoints that declare it. Where the dialled address is
 * the upstream there is no endpoint to look at, so all of those known must declare it.
 */
function automaticMutualTls(context: TlsContext): UpstreamTls | undefined {
  const { service, mesh, endpoints } = context;
  if (service.meshExternal || !mesh.enableAutoMtls) return undefined;
  if (service.resolution === 'PASSTHROUGH' || context.passthroughPolicy) {
    if (endpoints.length === 0 || endpoints.some(({ tlsMode }) => tlsMode === 'disabled')) return undefined;
  }
  const tls = meshTls(context);
  return context.isOriginalDst ? tls : { onlyIfEndpointHasTls: true, ...tls };
}
