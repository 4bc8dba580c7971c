import http from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';
import { connect } from 'node:tls';

type Connected = (error: Error | null, stream: Duplex) => void;

/** TLS inside CONNECT to a forward proxy on this machine; the tunnels are pooled like any connections. */
export class TunnelAgent extends https.Agent {
  readonly #proxyPort: number;

  constructor(proxyPort: number, options: https.AgentOptions) {
    super(options);
    this.#proxyPort = proxyPort;
  }

  override createConnection(options: https.RequestOptions, connected?: Connected): undefined {
    const { host, port } = options;
    http
      .request({ host: '127.0.0.1', port: this.#proxyPort, method: 'CONNECT', path: `${host}:${port}`, agent: false })
      .once('connect', (_response, socket) => {
        const secure = connect({ socket, servername: 'localhost', ca: this.options.ca });
        connected?.(null, secure);
      })
      .once('error', (error) => connected?.(error, undefined as never))
      .end();
    return undefined;
  }
}
