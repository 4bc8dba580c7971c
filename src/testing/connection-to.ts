import type { Connection, HttpRequest, Workload } from '../core/index.ts';

/** What to add to, or change in, the connection that a URL describes. */
export interface ConnectionOptions {
  /** Absent means `GET`. */
  readonly method?: string;
  readonly headers?: HttpRequest['headers'];
  /** The IP address that the name resolved to. */
  readonly address?: string;
  /** Absent means the URL's host, unless it is an IP literal. */
  readonly sni?: string;
  /** Absent means the URL's host, with its port when it is not the scheme's own. */
  readonly authority?: string;
  /** `http2` or `grpc` instead of HTTP/1.1. */
  readonly protocol?: Connection['protocol'];
  readonly workload?: Workload;
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443, 'ws:': 80, 'wss:': 443 };

/**
 * The connection that a client makes for `target`: a URL with the scheme http, https, ws, wss, tcp or tls, or `host:port`
 * for a plain TCP connection. Throws TypeError when it is none of these.
 */
export function connectionTo(target: string | URL, options: ConnectionOptions = {}): Connection {
  const url = parseTarget(String(target));
  const port = url.port === '' ? DEFAULT_PORTS[url.protocol] : Number(url.port);
  if (port === undefined)
    throw new TypeError(`\`${String(target)}\` names no port: write \`${url.protocol}//host:port\``);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const secure = url.protocol === 'https:' || url.protocol === 'wss:' || url.protocol === 'tls:';
  const isAddress = /^[\d.]+$/.test(host) || host.includes(':');
  const sni = options.sni ?? (secure && !isAddress ? host : undefined);
  const isHttp = url.protocol in DEFAULT_PORTS;
  return {
    host,
    port,
    transport: secure ? 'tls' : 'tcp',
    ...(isAddress ? { address: host } : {}),
    ...(options.address === undefined ? {} : { address: options.address }),
    ...(sni === undefined ? {} : { sni }),
    ...(options.workload ? { workload: options.workload } : {}),
    ...(isHttp ? http(url, secure, options) : { protocol: options.protocol ?? 'tcp' }),
  };
}

function http(url: URL, secure: boolean, options: ConnectionOptions): Partial<Connection> {
  const scheme = secure ? 'https' : 'http';
  const upgrade = url.protocol.startsWith('ws') ? { connection: 'Upgrade', upgrade: 'websocket' } : {};
  return {
    protocol: options.protocol ?? 'http1',
    authority: options.authority ?? url.host,
    request: {
      method: options.method ?? 'GET',
      path: `${url.pathname || '/'}${url.search}`,
      headers: { ...upgrade, ...options.headers },
      scheme,
    },
  };
}

function parseTarget(target: string): URL {
  const text = /^[a-z][a-z\d+.-]*:\/\//i.test(target) ? target : `tcp://${target}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const known = url && (url.protocol in DEFAULT_PORTS || url.protocol === 'tcp:' || url.protocol === 'tls:');
  if (!url || !known || url.hostname === '')
    throw new TypeError(
      `\`${target}\` is not a destination: write a URL (http, https, ws, wss, tcp, tls) or \`host:port\``,
    );
  return url;
}
