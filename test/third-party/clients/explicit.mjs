/** Without the preload: one agent or dispatcher is governed, by a program that made its egress itself. */
import { fromFetch, fromHeaders } from '../answers.mjs';
import { keepAliveAgents, nodeRequest } from './node-http.mjs';
import { s3 } from './sdks.mjs';
import { UNDICI_VERSIONS } from './undici.mjs';

async function governed() {
  const { createEgress, loadMeshConfig } = await import('../../../dist/index.js');
  const load = () => loadMeshConfig(process.env.SIDECARLESS_CONFIG);
  const egress = createEgress({ meshConfig: load(), accessLog: { to: process.env.SIDECARLESS_ACCESS_LOG } });
  return { egress, updated: () => egress.update(load()), close: () => egress.close() };
}

/** `open(agents)` gives the client over the two agents. */
function wrapped(name, open, more = {}) {
  return {
    name: `wrapAgent: ${name}`,
    layer: 'http.Agent',
    explicit: true,
    ...more,
    open: async () => {
      const { egress, ...rest } = await governed();
      const agents = keepAliveAgents().map((agent) => egress.wrapAgent(agent));
      return { ...(await open(agents)), agents, ...rest };
    },
  };
}

function intercepted({ version, ...traits }, way, open) {
  return {
    name: `interceptor: undici ${version} ${way}`,
    layer: 'undici dispatch',
    explicit: true,
    ...traits,
    open: async () => {
      const { egress, ...rest } = await governed();
      const lib = await import(`undici${version}`);
      const dispatcher = new lib.Agent({ connections: 1 }).compose(egress.interceptor());
      return { ...open(lib, dispatcher), ...rest };
    },
  };
}

export const explicitClients = [
  wrapped('node http(s)', (agents) => ({ get: (url, options) => nodeRequest(url, { ...options, agents }) })),
  wrapped('axios', async ([httpAgent, httpsAgent]) => {
    const { default: axios } = await import('axios');
    return {
      get: async (url, { signal } = {}) => {
        const options = { httpAgent, httpsAgent, signal, validateStatus: () => true };
        const { status, data, headers } = await axios.get(url, options);
        return fromHeaders(status, data, headers);
      },
    };
  }),
  wrapped('got', async ([http, https]) => {
    const { default: got } = await import('got');
    return {
      get: async (url, { signal } = {}) => {
        const options = { agent: { http, https }, signal, throwHttpErrors: false, retry: { limit: 0 } };
        const { statusCode, body, headers } = await got(url, options);
        return fromHeaders(statusCode, body, headers);
      },
    };
  }),
  wrapped('node-fetch 3', async ([http, https]) => {
    const { default: fetch } = await import('node-fetch');
    const agent = ({ protocol }) => (protocol === 'https:' ? https : http);
    return { get: (url, { signal } = {}) => fetch(url, { agent, signal }).then(fromFetch) };
  }),
  wrapped('@aws-sdk/client-s3', async ([httpAgent, httpsAgent]) => {
    const { NodeHttpHandler } = await import('@smithy/node-http-handler');
    return s3(() => new NodeHttpHandler({ httpAgent, httpsAgent }))();
  }),
  ...UNDICI_VERSIONS.flatMap((version) => [
    intercepted(version, 'request', (lib, dispatcher) => ({
      get: async (url, { signal } = {}) => {
        const { statusCode, headers, body } = await lib.request(url, { dispatcher, signal });
        return fromHeaders(statusCode, await body.text(), headers);
      },
    })),
    intercepted(version, 'fetch', (lib, dispatcher) => ({
      get: (url, { signal } = {}) => lib.fetch(url, { dispatcher, signal }).then(fromFetch),
    })),
  ]),
];
