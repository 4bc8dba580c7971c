/** Through a forward proxy: `open(proxy)` gives the client that uses the proxy of that URL. */
import { fromFetch, fromHeaders } from '../answers.mjs';
import { nodeRequest } from './node-http.mjs';
import { UNDICI_VERSIONS } from './undici.mjs';

const fromUndici = async ({ statusCode, headers, body }) => fromHeaders(statusCode, await body.text(), headers);
/** Where requests go through the proxy is not for the policy to change; what the proxy says of a refusal is its own. */
const lacks = {
  route: 'the proxy makes the connection',
  'route over TLS': 'the proxy makes the connection',
  'fails in its own way': 'the proxy tells what it could not reach',
};
/** `GET http://host/path` is for the proxy: the target has to be admitted, its route is not carried out. */
const WHOLE_URL = Object.fromEntries(
  ['rewrite', 'local reply', 'timeout'].map((name) => [name, 'asks the proxy with a whole URL, which stays as it is']),
);
const row = (name, layer, open, more = {}) => ({ name, layer, lacks, open, pools: false, throughProxy: true, ...more });

/** Node reads the variables once, when it starts. */
const NODE_ENV_PROXY = {
  minNode: 24,
  why: 'NODE_USE_ENV_PROXY is understood since Node 24',
  env: ({ proxy }) => ({
    NODE_USE_ENV_PROXY: '1',
    HTTP_PROXY: `http://proxy.mesh.test:${proxy}`,
    HTTPS_PROXY: `http://proxy.mesh.test:${proxy}`,
  }),
  lacks: { ...lacks, 'denied proxy': 'its proxy is that of the process' },
};

export const proxiedClients = [
  ...UNDICI_VERSIONS.flatMap(({ version, ...traits }) => [
    row(
      `undici ${version} ProxyAgent`,
      'undici dispatch',
      async (proxy) => {
        const lib = await import(`undici${version}`);
        const dispatcher = new lib.ProxyAgent(proxy);
        return { get: (url, { signal } = {}) => lib.request(url, { dispatcher, signal }).then(fromUndici) };
      },
      traits,
    ),
    row(
      `undici ${version} EnvHttpProxyAgent, proxied`,
      'undici dispatch',
      async (proxy) => {
        const lib = await import(`undici${version}`);
        const dispatcher = new lib.EnvHttpProxyAgent({ httpProxy: proxy, httpsProxy: proxy });
        return { get: (url, { signal } = {}) => lib.request(url, { dispatcher, signal }).then(fromUndici) };
      },
      traits,
    ),
  ]),
  row('https-proxy-agent', 'http.ClientRequest', async (proxy) => {
    const { HttpsProxyAgent } = await import('https-proxy-agent');
    const agent = new HttpsProxyAgent(proxy, { keepAlive: true });
    return { get: (url, options) => nodeRequest(url, { ...options, agents: [agent, agent] }) };
  }),
  row('got, https-proxy-agent', 'http.ClientRequest', async (proxy) => {
    const { default: got } = await import('got');
    const { HttpsProxyAgent } = await import('https-proxy-agent');
    const agent = new HttpsProxyAgent(proxy);
    return {
      get: async (url, { signal } = {}) => {
        const options = { agent: { http: agent, https: agent }, signal, throwHttpErrors: false, retry: { limit: 0 } };
        const { statusCode, body, headers } = await got(url, options);
        return fromHeaders(statusCode, body, headers);
      },
    };
  }),
  row(
    'axios, proxy',
    'http.Agent',
    async (proxy) => {
      const { default: axios } = await import('axios');
      const { hostname, port } = new URL(proxy);
      return {
        get: async (url, { signal } = {}) => {
          const options = { proxy: { host: hostname, port: Number(port), protocol: 'http' }, signal };
          const { status, data, headers } = await axios.get(url, { ...options, validateStatus: () => true });
          return fromHeaders(status, data, headers);
        },
      };
    },
    { lacks: { ...lacks, ...WHOLE_URL } },
  ),
  row('node http(s), NODE_USE_ENV_PROXY', 'http.Agent', async () => ({ get: nodeRequest }), NODE_ENV_PROXY),
  row(
    'fetch, NODE_USE_ENV_PROXY',
    'undici dispatch',
    async () => ({ get: (url, options) => fetch(url, options).then(fromFetch) }),
    NODE_ENV_PROXY,
  ),
];
