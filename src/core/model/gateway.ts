import type { Resource } from './resource.ts';

export interface ServerTLSSettings {
  readonly httpsRedirect?: boolean;
  /** Absent means `PASSTHROUGH`. */
  readonly mode?: 'PASSTHROUGH' | 'SIMPLE' | 'MUTUAL' | 'AUTO_PASSTHROUGH' | 'ISTIO_MUTUAL' | 'OPTIONAL_MUTUAL';
  readonly serverCertificate?: string;
  readonly privateKey?: string;
  readonly caCertificates?: string;
  readonly credentialName?: string;
  readonly credentialNames?: readonly string[];
  readonly subjectAltNames?: readonly string[];
  readonly [field: string]: unknown;
}

export interface Server {
  readonly port?: {
    readonly number: number;
    readonly protocol: string;
    readonly name: string;
    readonly targetPort?: number;
  };
  readonly bind?: string;
  readonly hosts?: readonly string[];
  readonly tls?: ServerTLSSettings;
  readonly defaultEndpoint?: string;
  readonly name?: string;
}

export interface GatewaySpec {
  readonly servers?: readonly Server[];
  /** Labels of the gateway's pods. */
  readonly selector?: Readonly<Record<string, string>>;
}

/** networking.istio.io Gateway: the ports at which a gateway pod takes traffic. */
export type Gateway = Resource<'Gateway', GatewaySpec>;
