/** HTTP to nginx, directly and through squid, where they are installed: what they answer tells what they saw. */
import assert from 'node:assert/strict';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import tls from 'node:tls';

const squidPort = () => JSON.parse(process.env.MATRIX_PORTS).squid;

/** The body, once the answer is 200. */
function finished(request) {
  return new Promise((resolve, reject) => {
    request.on('error', reject);
    request.on('response', (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk) => (body += chunk));
      response.on('error', reject);
      response.on('end', () => (response.statusCode === 200 ? resolve(body) : reject(new Error(body))));
    });
    request.end();
  });
}

/** The servers that nothing admits at first are made here: they answer in words of their own. */
function saw(body, host) {
  assert.match(body, host === 'nginx.mesh.test' || host === 'nginxs.mesh.test' ? /"request_uri":"\/seen"/ : /seen/);
}

const through = (call) => async (host, port) => saw(await call(host, port), host);

/** A connection to `host:port` that squid made. */
function tunnel(host, port) {
  return new Promise((resolve, reject) => {
    const target = `${host}:${port}`;
    const request = http.request({ host: 'squid.mesh.test', port: squidPort(), method: 'CONNECT', path: target });
    request.on('error', reject);
    request.on('connect', ({ statusCode }, socket) => {
      if (statusCode === 200) return resolve(socket);
      socket.destroy();
      reject(new Error(`squid answered ${statusCode}`));
    });
    request.end();
  });
}

const plain = { server: 'nginx', protocol: 'HTTP', later: 'http', installed: ['nginx'] };
const secure = { server: 'nginxs', protocol: 'HTTPS', later: 'https', installed: ['nginx'] };
const proxied = ['nginx', 'squid'];

export const installedClients = [
  {
    name: 'node http, nginx',
    ...plain,
    layer: 'http.Agent',
    open: async () => ({ call: through((host, port) => finished(http.request({ host, port, path: '/seen' }))) }),
  },
  {
    name: 'node https, nginx',
    ...secure,
    layer: 'http.Agent',
    open: async () => ({ call: through((host, port) => finished(https.request({ host, port, path: '/seen' }))) }),
  },
  {
    name: 'fetch, nginx over TLS',
    ...secure,
    layer: 'undici dispatch',
    open: async () => ({
      call: through(async (host, port) => (await fetch(`https://${host}:${port}/seen`)).text()),
    }),
  },
  {
    name: 'undici 7, nginx over HTTP/2',
    ...secure,
    layer: 'undici dispatch',
    later: 'h2s',
    open: async () => {
      const { Agent, request } = await import('undici7');
      const dispatcher = new Agent({ allowH2: true });
      return {
        call: through(async (host, port) => {
          const { body } = await request(`https://${host}:${port}/seen`, { dispatcher });
          return body.text();
        }),
      };
    },
  },
  {
    name: 'node http2, nginx',
    ...secure,
    layer: 'http2 stream',
    later: 'h2s',
    open: async () => ({
      call: through(
        (host, port) =>
          new Promise((resolve, reject) => {
            const session = http2.connect(`https://${host}:${port}`);
            session.on('error', reject);
            const stream = session.request({ ':path': '/seen' });
            let body = '';
            stream.setEncoding('utf8').on('data', (chunk) => (body += chunk));
            stream.on('end', () => {
              session.destroy();
              resolve(body);
            });
            stream.on('error', (error) => {
              session.destroy();
              reject(error);
            });
          }),
      ),
    }),
  },
  {
    name: 'node http through squid',
    ...plain,
    layer: 'http.Agent',
    installed: proxied,
    open: async () => ({
      call: through((host, port) => {
        const path = `http://${host}:${port}/seen`;
        const headers = { host: `${host}:${port}` };
        return finished(http.request({ host: 'squid.mesh.test', port: squidPort(), path, headers }));
      }),
    }),
  },
  {
    name: 'node https through CONNECT of squid',
    ...secure,
    layer: 'http.Agent',
    installed: proxied,
    open: async () => ({
      call: through(async (host, port) => {
        const socket = await tunnel(host, port);
        const createConnection = () => tls.connect({ socket, servername: host });
        try {
          return await finished(https.request({ host, port, path: '/seen', createConnection }));
        } finally {
          socket.destroy();
        }
      }),
    }),
  },
  {
    name: 'undici 7 ProxyAgent through squid',
    ...secure,
    layer: 'undici dispatch',
    installed: proxied,
    open: async () => {
      const { ProxyAgent, request } = await import('undici7');
      return {
        call: through(async (host, port) => {
          const dispatcher = new ProxyAgent(`http://squid.mesh.test:${squidPort()}`);
          try {
            const { body } = await request(`https://${host}:${port}/seen`, { dispatcher });
            return await body.text();
          } finally {
            await dispatcher.destroy();
          }
        }),
      };
    },
  },
];
