/** The outside world of the demo: real servers on loopback, each on a free port. */
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import selfsigned from 'selfsigned';

const TLS_NAMES = ['api.example.com', 'api.bank.example', 'www.google.com', 'edition.cnn.com', '*.wikipedia.org'];

/** An answer that says what the server saw. */
function describe(server, request, more = {}) {
  const { host, 'x-lab-gateway': via } = request.headers;
  return JSON.stringify({ server, host, path: request.url, ...(via && { via }), ...more });
}

/** httpbin's /get, /status/N and /delay/SECONDS. */
function httpbin(server) {
  return (request, response) => {
    const [, kind, value] = request.url.split(/[/?]/);
    const answer = () => {
      response.writeHead(kind === 'status' ? Number(value) : 200, { 'content-type': 'application/json' });
      response.end(describe(server, request));
    };
    if (kind === 'delay') setTimeout(answer, Number(value) * 1000).unref();
    else answer();
  };
}

function listen(server) {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(server.address().port));
  });
}

async function certificates() {
  const extensions = [
    { name: 'basicConstraints', cA: true, critical: true },
    { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
  ];
  const common = { keyType: 'ec', algorithm: 'sha256' };
  const authority = await selfsigned.generate([{ name: 'commonName', value: 'lab authority' }], {
    ...common,
    extensions,
  });
  const issue = (name, dnsNames) =>
    selfsigned.generate([{ name: 'commonName', value: name }], {
      ...common,
      ca: { key: authority.private, cert: authority.cert },
      extensions: [{ name: 'subjectAltName', altNames: dnsNames.map((value) => ({ type: 2, value })) }],
    });
  return {
    ca: authority.cert,
    server: await issue('lab server', TLS_NAMES),
    client: await issue('lab client', ['client.lab']),
  };
}

/** A folder that a workload would have mounted: `certs/ca.pem`, `certs/client.pem`, `certs/client-key.pem`. */
function mountCertificates({ ca, client }) {
  const folder = mkdtempSync(join(tmpdir(), 'sidecarless-lab-'));
  mkdirSync(join(folder, 'certs'));
  writeFileSync(join(folder, 'certs/ca.pem'), ca);
  writeFileSync(join(folder, 'certs/client.pem'), client.cert);
  writeFileSync(join(folder, 'certs/client-key.pem'), client.private, { mode: 0o600 });
  return folder;
}

/** Forwards each request to the server that the Host header names, as an egress gateway's pod does. */
function egressGateway(upstreamPort) {
  return http.createServer((request, response) => {
    const headers = { ...request.headers, 'x-lab-gateway': 'istio-egressgateway' };
    const onward = http.request(
      { host: '127.0.0.1', port: upstreamPort, method: request.method, path: request.url, headers },
      (answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
      },
    );
    onward.on('error', () => response.writeHead(503).end());
    request.pipe(onward);
  });
}

/** Starts everything. `network` is what lab/network.cjs wants; `folder` holds certs/; `close()` ends it all. */
export async function startLab() {
  const certs = await certificates();
  const identity = { key: certs.server.private, cert: certs.server.cert };
  const overTls = (server) => (request, response) => {
    const { servername, authorized } = request.socket;
    const client = authorized && request.socket.getPeerCertificate().subject?.CN;
    response.end(describe(server, request, { sni: servername, ...(client && { client }) }));
  };
  const servers = {
    web: http.createServer(httpbin('web')),
    v1: http.createServer(httpbin('v1')),
    v2: http.createServer(httpbin('v2')),
    secure: https.createServer(identity, overTls('secure')),
    bank: https.createServer(
      { ...identity, ca: certs.ca, requestCert: true, rejectUnauthorized: true },
      overTls('bank'),
    ),
    database: net.createServer((socket) => socket.on('error', () => {}).on('data', () => socket.end('+PONG\n'))),
    raw: tls.createServer(identity, (socket) => socket.on('error', () => {}).end(`hello ${socket.servername}\n`)),
  };
  const port = {};
  for (const [name, server] of Object.entries(servers)) port[name] = await listen(server);
  servers.gateway = egressGateway(port.web);
  port.gateway = await listen(servers.gateway);

  const names = {
    'httpbin.org': '127.0.1.1',
    httpbin: '127.0.1.1',
    'evil.example': '127.0.1.2',
    'www.google.com': '127.0.1.3',
    'www.facebook.com': '127.0.1.3',
    'edition.cnn.com': '127.0.1.4',
    'api.example.com': '127.0.1.5',
    'api.bank.example': '127.0.1.6',
    'metrics.internal': '127.0.1.99',
    'mongo.internal': '127.0.2.10',
    'en.wikipedia.org': '127.0.1.7',
    'partner.example': '127.0.1.8',
    'reviews.example': '127.0.1.9',
  };
  const ports = {
    '127.0.1.1:80': port.web,
    '127.0.1.2:80': port.web,
    '127.0.1.3:443': port.secure,
    '127.0.1.4:80': port.web,
    '127.0.1.4:443': port.secure,
    '127.0.1.5:443': port.secure,
    '127.0.1.6:443': port.bank,
    '127.0.1.7:443': port.raw,
    '127.0.1.51:8080': port.gateway,
    '127.0.1.99:8080': port.web,
    '192.0.2.55:80': port.web,
    '127.0.2.10:27017': port.database,
    '127.0.9.10:27017': port.database,
    '127.0.3.7:8080': port.web,
    '127.0.4.1:80': port.v1,
    '127.0.4.2:80': port.v2,
  };
  const folder = mountCertificates(certs);
  const close = async () => {
    for (const server of Object.values(servers)) {
      server.closeAllConnections?.();
      server.close();
    }
    rmSync(folder, { recursive: true, force: true });
  };
  return { network: { names, ports }, folder, close };
}
