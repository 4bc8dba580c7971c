/** Libraries for HTTP. An answer that the library throws is given as an answer. */
import http from 'node:http';
import https from 'node:https';
import { fromFetch, fromHeaders, fromMessage } from '../answers.mjs';

const globalAgents = [http.globalAgent, https.globalAgent];

function axios(options) {
  return async () => {
    const { default: client } = await import('axios');
    return {
      agents: globalAgents,
      get: async (url, { signal } = {}) => {
        const { status, data, headers } = await client.get(url, { ...options, signal, validateStatus: () => true });
        return fromHeaders(status, data, headers);
      },
    };
  };
}

function got(options) {
  return async () => {
    const { default: client } = await import('got');
    return {
      agents: globalAgents,
      get: async (url, { signal } = {}) => {
        const settings = { ...options, signal, throwHttpErrors: false, retry: { limit: 0 } };
        const { statusCode, body, headers } = await client(url, settings);
        return fromHeaders(statusCode, body, headers);
      },
    };
  };
}

export const httpLibraries = [
  { name: 'axios', layer: 'http.Agent', open: axios({}) },
  { name: 'axios, fetch adapter', layer: 'undici dispatch', open: axios({ adapter: 'fetch' }) },
  { name: 'got', layer: 'http.Agent', open: got({}) },
  {
    name: 'got, HTTP/2',
    layer: 'http2 stream',
    secure: 'h2s',
    open: got({ http2: true }),
  },
  ...['node-fetch', 'node-fetch2'].map((name) => ({
    name: name === 'node-fetch' ? 'node-fetch 3' : 'node-fetch 2',
    layer: 'http.Agent',
    // Asks for the connection to be closed.
    pools: false,
    open: async () => {
      const { default: fetch } = await import(name);
      return { agents: globalAgents, get: (url, options) => fetch(url, options).then(fromFetch) };
    },
  })),
  {
    name: 'ky',
    layer: 'undici dispatch',
    open: async () => {
      const { default: ky } = await import('ky');
      return { get: (url, options) => ky(url, { ...options, throwHttpErrors: false, retry: 0 }).then(fromFetch) };
    },
  },
  {
    name: 'superagent',
    layer: 'http.Agent',
    pools: false,
    open: async () => {
      const { default: superagent } = await import('superagent');
      return {
        agents: globalAgents,
        get: async (url) => {
          const { status, text, headers } = await superagent.get(url).ok(() => true);
          return fromHeaders(status, text, headers);
        },
      };
    },
  },
  {
    name: 'superagent, HTTP/2',
    layer: 'http2 stream',
    plain: 'h2',
    secure: 'h2s',
    pools: false,
    open: async () => {
      const { default: superagent } = await import('superagent');
      return {
        get: async (url) => {
          const { status, text, headers } = await superagent
            .get(url)
            .http2()
            .ok(() => true);
          return fromHeaders(status, text, headers);
        },
      };
    },
  },
  {
    name: 'needle',
    layer: 'http.Agent',
    pools: false,
    open: async () => {
      const { default: needle } = await import('needle');
      return {
        agents: globalAgents,
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
        agents: globalAgents,
        get: (url, { signal } = {}) =>
          new Promise((resolve, reject) => {
            const request = follow[url.startsWith('https') ? 'https' : 'http'].get(url, { signal }, (response) =>
              fromMessage(response).then(resolve, reject),
            );
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
        get: async (url, { signal } = {}) => {
          const options = { url, signal, validateStatus: () => true, responseType: 'text', retry: false };
          const { status, data, headers } = await request(options);
          return {
            status,
            body: data,
            header: (name) => (headers.get ? (headers.get(name) ?? undefined) : headers[name]),
          };
        },
      };
    },
  },
];
