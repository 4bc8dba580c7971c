/** Istio's protocol instances. `Unsupported` is what an unknown or empty name gives: detected from the first bytes. */
export type Protocol =
  | 'HTTP'
  | 'HTTP2'
  | 'GRPC'
  | 'GRPC-Web'
  | 'HTTP_PROXY'
  | 'HTTPS'
  | 'TLS'
  | 'TCP'
  | 'Mongo'
  | 'Redis'
  | 'MySQL'
  | 'UDP'
  | 'HBONE'
  | 'DoubleHBONE'
  | 'Unsupported';

const BY_NAME: ReadonlyMap<string, Protocol> = new Map<string, Protocol>([
  ['tcp', 'TCP'],
  ['udp', 'UDP'],
  ['grpc', 'GRPC'],
  ['grpc-web', 'GRPC-Web'],
  ['http', 'HTTP'],
  ['http_proxy', 'HTTP_PROXY'],
  ['http2', 'HTTP2'],
  ['https', 'HTTPS'],
  ['tls', 'TLS'],
  ['mongo', 'Mongo'],
  ['redis', 'Redis'],
  ['mysql', 'MySQL'],
]);

const KUBERNETES_APP_PROTOCOLS: ReadonlyMap<string, Protocol> = new Map<string, Protocol>([
  ['kubernetes.io/h2c', 'HTTP2'],
  ['kubernetes.io/ws', 'HTTP'],
  ['kubernetes.io/wss', 'HTTPS'],
]);

/** SMTP, DNS, MySQL, MongoDB: where the server speaks first, detection would hang, so Istio takes them as TCP. */
const SERVER_SPEAKS_FIRST: ReadonlySet<number> = new Set([25, 53, 3306, 27017]);

/** Istio's `protocol.Parse`, in any case of letters. Absent, empty and unknown names are `Unsupported`. */
export function parseProtocol(name: string | undefined): Protocol {
  return (name === undefined ? undefined : BY_NAME.get(name.toLowerCase())) ?? 'Unsupported';
}

/**
 * The protocol of a Kubernetes Service port: `appProtocol` when set (even empty), else the port name up to the first
 * hyphen. `transport` is the port's own `protocol`.
 */
export function convertKubernetesProtocol(
  port: number,
  portName: string,
  transport: string | undefined,
  appProtocol?: string,
): Protocol {
  if (transport === 'UDP') return 'UDP';
  const kubernetes = appProtocol === undefined ? undefined : KUBERNETES_APP_PROTOCOLS.get(appProtocol);
  if (kubernetes !== undefined) return kubernetes;
  const name = (appProtocol ?? portName).toLowerCase();
  if (name.startsWith('grpc-web')) return 'GRPC-Web';
  const protocol = parseProtocol(name.split('-', 1)[0]);
  return protocol === 'Unsupported' && SERVER_SPEAKS_FIRST.has(port) ? 'TCP' : protocol;
}

/** Plaintext HTTP in any version. */
export function isHttp(protocol: Protocol): boolean {
  return protocol === 'HTTP' || protocol === 'HTTP_PROXY' || isHttp2(protocol);
}

export function isHttp2(protocol: Protocol): boolean {
  return protocol === 'HTTP2' || isGrpc(protocol);
}

export function isGrpc(protocol: Protocol): boolean {
  return protocol === 'GRPC' || protocol === 'GRPC-Web';
}

/** A byte stream to the proxy; TLS counts. */
export function isTcp(protocol: Protocol): boolean {
  switch (protocol) {
    case 'TCP':
    case 'HTTPS':
    case 'TLS':
    case 'Mongo':
    case 'Redis':
    case 'MySQL':
      return true;
    default:
      return false;
  }
}

export function isTls(protocol: Protocol): boolean {
  return protocol === 'HTTPS' || protocol === 'TLS';
}

/** The first bytes decide. */
export function isSniffed(protocol: Protocol): boolean {
  return protocol === 'Unsupported';
}

export function isHttpOrSniffed(protocol: Protocol): boolean {
  return isHttp(protocol) || isSniffed(protocol);
}

/** What is inside once a gateway has ended the TLS. */
export function afterTlsTermination(protocol: Protocol): Protocol {
  if (protocol === 'HTTPS') return 'HTTP';
  return protocol === 'TLS' ? 'TCP' : protocol;
}
