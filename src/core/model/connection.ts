/** Who asks. */
export interface Workload {
  readonly namespace: string;
  readonly name?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Own IP addresses. One family makes a single-stack workload; none is taken as dual-stack. */
  readonly addresses?: readonly string[];
  /** `router` is a gateway pod: the second hop. Absent means `sidecar`. */
  readonly type?: 'sidecar' | 'router';
}

/** An HTTP request as the application made it, before anything was normalised. */
export interface HttpRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Names in any case; a repeated header is an array. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly scheme?: string;
}

/** What is known of a connection at the moment of asking, nothing invented. */
export interface Connection {
  /** The name or IP literal that the application dialled. Absent: only what a proxy sees is known. */
  readonly host?: string;
  /** The IP address, once known: what the original destination is to a proxy. */
  readonly address?: string;
  /** 1-65535. */
  readonly port: number;
  /** Absent means `tcp`: plaintext. */
  readonly transport?: 'tcp' | 'tls';
  /** Of the innermost bytes; absent: not known. */
  readonly protocol?: 'http1' | 'http2' | 'grpc' | 'tcp';
  readonly sni?: string;
  readonly alpn?: readonly string[];
  /** Host header or `:authority`, as sent. */
  readonly authority?: string;
  readonly request?: HttpRequest;
  /** Absent: the config's default workload. */
  readonly workload?: Workload;
}
