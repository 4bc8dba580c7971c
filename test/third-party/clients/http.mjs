/**
 * HTTP clients. `open` gives `get(url)` -> { status, body, header(name) }, with the client's own pooling where it has one.
 * An answer that the client throws as an error is given as an answer.
 */
import http from 'node:http';
import https from 'node:https';

function nodeRequest(url, options = {}) {
  return new Promise((resolve, reject) => {
    const request = (url.startsWith('https') ? https : http).request(url, options, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => (body += chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode, body, header: (name) => response.headers[name] }),
      );
    });
    request.on('error', reject);
    request.end();
  });
}

const fromFetch = async (response) => ({
  status: response.status,
  body: await response.text(),
  header: (name) => response.headers.get(name) ?? undefined,
});
const fromHeaders = (status, body, headers) => ({
  status,
  body: typeof body === 'string' ? body : JSON.stringify(body),
  header: (name) => headers[name],
});

/** A client of undici, of one version; the three ways in which its requests are made. */
function undici(version, minNode) {
  const load = () => import(`undici${version}`);
  const answer = async ({ statusCode, headers, body }) => fromHeaders(statusCode, await body.text(), headers);
  const ways = {
    request: async (lib) => (url) => lib.request(url).then(answer),
    fetch: async (lib) => (url) => lib.fetch(url).then(fromFetch),
    Agent: async (lib) => {
      const dispatcher = new lib.Agent({ connections: 1 });
      return (url) => lib.request(url, { dispatcher }).then(answer);
    },
    RetryAgent: async (lib) => {
      const dispatcher = new lib.RetryAgent(new lib.Agent(), { maxRetries: 1, minTimeout: 10, statusCodes: [500] });
      return (url) => lib.request(url, { dispatcher }).then(answer);
    },
    EnvHttpProxyAgent: async (lib) => {
      const dispatcher = new lib.EnvHttpProxyAgent();
      return (url) => lib.request(url, { dispatcher }).then(answer);
    },
  };
  const all = Object.keys(ways).map((way) => ({
    name: `undici ${version} ${way}`,
    layer: 'undici dispatch',
    minNode,
    open: async () => ({ get: await ways[way](await load()) }),
  }));
  const pools = ['Pool', 'Client'].map((kind) => ({
    name: `undici ${version} ${kind}`,
    layer: 'undici dispatch',
    minNode,
    open: async () => {
      const lib = await load();
      const byOrigin = new Map();
      return {
        get: (url) => {
          const { origin, pathname } = new URL(url);
          if (!byOrigin.has(origin)) byOrigin.set(origin, new lib[kind](origin));
          return byOrigin.get(origin).request({ path: pathname, method: 'GET' }).then(answer);
        },
      };
    },
  }));
  return [...all, ...pools];
}

export const httpClients = [
  { name: 'node http(s)', layer: 'http.Agent', open: async () => ({ get: (url) => nodeRequest(url) }) },
  {
    name: 'node http(s), own keep-alive agent',
    layer: 'http.Agent',
    open: async () => {
      const agents = [
        new http.Agent({ keepAlive: true, maxSockets: 1 }),
        new https.Agent({ keepAlive: true, maxSockets: 1 }),
      ];
      return { get: (url) => nodeRequest(url, { agent: agents[url.startsWith('https') ? 1 : 0] }) };
    },
  },
  {
    name: 'node http(s), no agent',
    layer: 'http.Agent',
    open: async () => ({ get: (url) => nodeRequest(url, { agent: false }) }),
  },
  { name: 'fetch', layer: 'undici dispatch', open: async () => ({ get: (url) => fetch(url).then(fromFetch) }) },
  ...undici(6, 20),
  ...undici(7, 20),
  ...undici(8, 22),
  {
    name: 'undici 7, bundled',
    layer: 'undici channel',
    // Refused and logged; routes of a copy inside a bundle cannot be carried out.
    denialOnly: true,
    open: async () => {
      const { request } = await import(process.env.MATRIX_BUNDLE);
      return {
        get: (url) =>
          request(url).then(async ({ statusCode, headers, body }) =>
            fromHeaders(statusCode, await body.text(), headers),
          ),
      };
    },
  },
  {
    name: 'axios',
    layer: 'http.Agent',
    open: async () => {
      const { default: axios } = await import('axios');
      return {
        get: async (url) => {
          const { status, data, headers } = await axios.get(url, { validateStatus: () => true });
          return fromHeaders(status, data, headers);
        },
      };
    },
  },
  {
    name: 'axios, fetch adapter',
    layer: 'undici dispatch',
    open: async () => {
      const { default: axios } = await import('axios');
      return {
        get: async (url) => {
          const { status, data, headers } = await axios.get(url, { adapter: 'fetch', validateStatus: () => true });
          return fromHeaders(status, data, headers);
        },
      };
    },
  },
  {
    name: 'got',
    layer: 'http.Agent',
    open: async () => {
      const { default: got } = await import('got');
      return {
        get: async (url) => {
          const { statusCode, body, headers } = await got(url, { throwHttpErrors: false, retry: { limit: 0 } });
          return fromHeaders(statusCode, body, headers);
        },
      };
    },
  },
  ...['node-fetch', 'node-fetch2'].map((name) => ({
    name: name === 'node-fetch' ? 'node-fetch 3' : 'node-fetch 2',
    layer: 'http.Agent',
    open: async () => {
      const { default: fetch } = await import(name);
      return { get: (url) => fetch(url).then(fromFetch) };
    },
  })),
  {
    name: 'ky',
    layer: 'undici dispatch',
    open: async () => {
      const { default: ky } = await import('ky');
      return { get: (url) => ky(url, { throwHttpErrors: false, retry: 0 }).then(fromFetch) };
    },
  },
  {
    name: 'superagent',
    layer: 'http.Agent',
    open: async () => {
      const { default: superagent } = await import('superagent');
      return {
        get: async (url) => {
          const { status, text, headers } = await superagent.get(url).ok(() => true);
          return fromHeaders(status, text, headers);
        },
      };
    },
  },
  {
    name: 'needle',
    layer: 'http.Agent',
    open: async () => {
      const { default: needle } = await import('needle');
      return {
        get: async (url) => {
          const { statusCode, raw, headers } = await needle('get', url);
          return fromHeaders(statusCode, raw.toString(), headers);
        },
      };
    },
  },
  {
    name: 'follow-redirects',
    layer: 'http.Agent',
    open: async () => {
      const { default: follow } = await import('follow-redirects');
      return {
        get: (url) =>
          new Promise((resolve, reject) => {
            const request = follow[url.startsWith('https') ? 'https' : 'http'].get(url, (response) => {
              let body = '';
              response.on('data', (chunk) => (body += chunk));
              response.on('end', () => resolve(fromHeaders(response.statusCode, body, response.headers)));
            });
            request.on('error', reject);
          }),
      };
    },
  },
  {
    name: 'gaxios',
    layer: 'undici dispatch',
    open: async () => {
      const { request } = await import('gaxios');
      return {
        get: async (url) => {
          const answer = await request({ url, validateStatus: () => true, responseType: 'text', retry: false });
          const headers = answer.headers;
          return {
            status: answer.status,
            body: answer.data,
            header: (name) => (headers.get ? (headers.get(name) ?? undefined) : headers[name]),
          };
        },
      };
    },
  },
];

/** SDKs: one call each; paths are theirs. */
export const sdkClients = [
  {
    name: '@aws-sdk/client-s3',
    layer: 'http.Agent',
    open: async () => {
      const { S3Client, ListObjectsV2Command } = await import('@aws-sdk/client-s3');
      const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
      return {
        call: (origin) =>
          new S3Client({
            endpoint: origin,
            region: 'eu-west-1',
            forcePathStyle: true,
            credentials,
            maxAttempts: 1,
          }).send(new ListObjectsV2Command({ Bucket: 'b' })),
      };
    },
  },
  {
    name: 'stripe',
    layer: 'http.Agent',
    open: async () => {
      const { default: Stripe } = await import('stripe');
      return {
        call: (origin) => {
          const { hostname, port, protocol } = new URL(origin);
          const stripe = new Stripe('sk_test_1', {
            host: hostname,
            port,
            protocol: protocol.slice(0, -1),
            maxNetworkRetries: 0,
          });
          return stripe.customers.retrieve('cus_1');
        },
      };
    },
  },
  {
    name: '@octokit/request',
    layer: 'undici dispatch',
    open: async () => {
      const { request } = await import('@octokit/request');
      return { call: (origin) => request('GET /ok', { baseUrl: origin }) };
    },
  },
  {
    name: 'openai',
    layer: 'undici dispatch',
    open: async () => {
      const { default: OpenAI } = await import('openai');
      return { call: (origin) => new OpenAI({ baseURL: origin, apiKey: 'k', maxRetries: 0 }).models.retrieve('m') };
    },
  },
];

/** WebSockets and event streams. */
export const streamClients = [
  {
    name: 'ws',
    layer: 'http.ClientRequest',
    open: async () => {
      const { default: WebSocket } = await import('ws');
      return { call: (origin) => message(new WebSocket(origin.replace('http', 'ws'))) };
    },
  },
  {
    name: 'WebSocket',
    layer: 'undici dispatch',
    minNode: 22,
    opaque: true,
    open: async () => ({ call: (origin) => message(new WebSocket(origin.replace('http', 'ws'))) }),
  },
  {
    name: 'EventSource (undici 7)',
    layer: 'undici dispatch',
    opaque: true,
    open: async () => {
      const { EventSource } = await import('undici7');
      return { call: (origin) => message(new EventSource(`${origin}/events`)) };
    },
  },
  {
    name: 'socket.io-client',
    layer: 'http.ClientRequest',
    handshakeOnly: true,
    open: async () => {
      const { io } = await import('socket.io-client');
      return {
        call: async (origin) => {
          const socket = io(origin, { transports: ['websocket'], reconnection: false, forceNew: true, timeout: 1500 });
          try {
            // The server speaks plain WebSocket: the engine complains of its first message, which has then arrived.
            return await new Promise((resolve, reject) => {
              socket.io.engine?.on('upgrade', resolve);
              socket.io.on('packet', resolve);
              socket.on('connect', resolve);
              socket.on('connect_error', (error) =>
                /parser|timeout|server error/.test(error.message) ? resolve() : reject(error),
              );
            });
          } finally {
            socket.close();
          }
        },
      };
    },
  },
];

async function message(socket) {
  try {
    const failed = new Promise((_, reject) => {
      const fail = (event) =>
        reject(event instanceof Error ? event : (event.error ?? new Error(event.message || 'connection failed')));
      socket.addEventListener('error', fail);
    });
    const got = new Promise((resolve) => socket.addEventListener('message', resolve));
    await Promise.race([got, failed]);
  } finally {
    socket.terminate ? socket.terminate() : socket.close();
  }
}
