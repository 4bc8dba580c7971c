/** What Node itself brings. */
import http from 'node:http';
import https from 'node:https';
import http2 from 'node:http2';
import { fromFetch, fromHeaders, fromMessage } from '../answers.mjs';

/** A request of node:http or node:https, with the agents that are given. */
export function nodeRequest(url, { agents, ...options } = {}) {
  const secure = url.startsWith('https');
  return new Promise((resolve, reject) => {
    const agent = agents === undefined ? {} : { agent: agents[secure ? 1 : 0] };
    const request = (secure ? https : http).request(url, { ...options, ...agent });
    request.on('response', (response) => fromMessage(response).then(resolve, reject));
    request.on('error', reject);
    request.end();
  });
}

export const keepAliveAgents = () => [
  new http.Agent({ keepAlive: true, maxSockets: 1 }),
  new https.Agent({ keepAlive: true, maxSockets: 1 }),
];

/** One session for each origin, as programs keep them. */
function http2Sessions() {
  const sessions = new Map();
  return (origin) => {
    const known = sessions.get(origin);
    if (known && !known.destroyed && !known.closed) return known;
    const session = http2.connect(origin);
    session.on('error', () => undefined);
    sessions.set(origin, session);
    return session;
  };
}

export const nodeClients = [
  {
    name: 'node http(s)',
    layer: 'http.Agent',
    open: async () => ({
      get: (url, options) => nodeRequest(url, options),
      agents: [http.globalAgent, https.globalAgent],
    }),
  },
  {
    name: 'node http(s), own keep-alive agent',
    layer: 'http.Agent',
    open: async () => {
      const agents = keepAliveAgents();
      return { get: (url, options) => nodeRequest(url, { ...options, agents }), agents };
    },
  },
  {
    name: 'node http(s), no agent',
    layer: 'http.Agent',
    pools: false,
    open: async () => ({ get: (url, options) => nodeRequest(url, { ...options, agent: false }) }),
  },
  {
    name: 'node http2',
    layer: 'http2 stream',
    plain: 'h2',
    secure: 'h2s',
    open: async () => {
      const sessionOf = http2Sessions();
      return {
        get: (url, { signal } = {}) =>
          new Promise((resolve, reject) => {
            const { origin, pathname } = new URL(url);
            const stream = sessionOf(origin).request({ ':path': pathname }, { signal });
            let head;
            let body = '';
            stream.setEncoding('utf8');
            stream.on('response', (headers) => (head = headers));
            stream.on('data', (chunk) => (body += chunk));
            stream.on('end', () => (head ? resolve(fromHeaders(head[':status'], body, head)) : undefined));
            stream.on('error', reject);
            stream.end();
          }),
      };
    },
  },
  {
    name: 'fetch',
    layer: 'undici dispatch',
    open: async () => ({ get: (url, options) => fetch(url, options).then(fromFetch) }),
  },
];
