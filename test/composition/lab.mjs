/** Loopback servers and a forward proxy, each of which counts who came, and the policy that admits some of them. */
import { createServer as createHttp, request } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { connect } from 'node:net';

export async function startLab(certificate) {
  const servers = {
    api: await listen(createHttp(answer)),
    secure: await listen(createHttps(certificate, answer)),
    forbidden: await listen(createHttp(answer)),
    unlisted: await listen(createHttp(answer)),
    proxy: await listen(forwardProxy()),
  };
  const ports = Object.fromEntries(Object.entries(servers).map(([name, { port }]) => [name, port]));
  return {
    ports,
    proxy: `http://proxy.mesh.test:${ports.proxy}`,
    policy: policy(ports),
    visits: () => Object.fromEntries(Object.entries(servers).map(([name, { visits }]) => [name, visits])),
    close: () => {
      for (const { server } of Object.values(servers)) {
        server.closeAllConnections();
        server.close();
      }
    },
  };
}

async function listen(server) {
  const record = { server, port: 0, visits: 0 };
  // Connections and requests: a proxy keeps its connections.
  for (const event of ['connection', 'request']) server.on(event, () => (record.visits += 1));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  record.port = server.address().port;
  server.unref();
  return record;
}

function answer(incoming, response) {
  incoming.resume();
  incoming.on('end', () => response.end(`ok ${incoming.url}`));
}

/** Absolute-form requests and CONNECT; every name is on loopback. */
function forwardProxy() {
  const server = createHttp((incoming, response) => {
    if (!URL.canParse(incoming.url)) return response.writeHead(400).end(`${incoming.url} is no absolute form`);
    const url = new URL(incoming.url);
    const { host } = url;
    const onward = request(
      { host: '127.0.0.1', port: url.port, path: url.pathname, method: incoming.method, headers: { host } },
      (answered) => {
        response.writeHead(answered.statusCode, { ...answered.headers, 'x-proxied': 'yes' });
        answered.pipe(response);
      },
    );
    onward.on('error', () => response.destroy());
    incoming.pipe(onward);
  });
  server.on('connect', (incoming, socket, head) => {
    const port = Number(incoming.url.split(':')[1]);
    const onward = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      onward.write(head);
      onward.pipe(socket).pipe(onward);
    });
    for (const one of [onward, socket]) one.on('error', () => socket.destroy());
  });
  return server;
}

/** The proxy is TCP to the mesh, as Istio's own guide to external proxies has it. */
function policy({ api, secure, proxy }) {
  const entry = (name, ports) => ({
    apiVersion: 'networking.istio.io/v1',
    kind: 'ServiceEntry',
    metadata: { name, namespace: 'default' },
    spec: { hosts: [`${name}.mesh.test`], ports, resolution: 'DNS' },
  });
  return [
    { outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } },
    entry('api', [
      { number: api, name: 'http', protocol: 'HTTP' },
      { number: secure, name: 'https', protocol: 'HTTPS' },
    ]),
    // Nobody listens there: what is answered was mocked.
    entry('mock', [{ number: 80, name: 'http', protocol: 'HTTP' }]),
    entry('proxy', [{ number: proxy, name: 'tcp', protocol: 'TCP' }]),
  ]
    .map((document) => JSON.stringify(document))
    .join('\n---\n');
}
