/** undici as a package: three major versions, each way in which it makes requests, and copies inside a bundle. */
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { fromFetch, fromHeaders } from '../answers.mjs';

export const UNDICI_VERSIONS = [
  { version: 6 },
  { version: 7 },
  { version: 8, minNode: 22, why: 'undici 8 needs Node 22.19' },
];

const answer = async ({ statusCode, headers, body }) => fromHeaders(statusCode, await body.text(), headers);
const ask = (lib, dispatcher) => ({
  get: (url, { signal } = {}) => lib.request(url, { dispatcher, signal }).then(answer),
});

const WAYS = {
  request: { open: (lib) => ask(lib, undefined) },
  fetch: { open: (lib) => ({ get: (url, options) => lib.fetch(url, options).then(fromFetch) }) },
  stream: {
    open: (lib) => ({
      get: async (url, { signal } = {}) => {
        let head;
        const chunks = [];
        await lib.stream(url, { method: 'GET', signal }, ({ statusCode, headers }) => {
          head = { statusCode, headers };
          return new Writable({ write: (chunk, _encoding, callback) => void (chunks.push(chunk), callback()) });
        });
        return fromHeaders(head.statusCode, Buffer.concat(chunks).toString(), head.headers);
      },
    }),
  },
  pipeline: {
    open: (lib) => ({
      get: async (url, { signal } = {}) => {
        let head;
        const duplex = lib.pipeline(url, { method: 'GET', signal }, ({ statusCode, headers, body }) => {
          head = { statusCode, headers };
          return body.pipe(new PassThrough());
        });
        const read = text(duplex.end());
        return fromHeaders(head?.statusCode ?? (await read.then(() => head.statusCode)), await read, head.headers);
      },
    }),
  },
  upgrade: {
    // A bare upgrade: what is no 101 is an error.
    pools: false,
    lacks: {
      'local reply': 'takes no answer but 101',
      timeout: 'takes no answer but 101',
      'timeout inside TLS': 'takes no answer but 101',
    },
    open: (lib) => ({
      get: async (url, { signal } = {}) => {
        const { headers, socket } = await lib.upgrade(url, { protocol: 'websocket', signal });
        socket.on('error', () => undefined).destroy();
        return fromHeaders(101, '', headers);
      },
    }),
  },
  Agent: { open: (lib) => ask(lib, new lib.Agent({ connections: 1 })) },
  'Agent, HTTP/2': { secure: 'h2s', open: (lib) => ask(lib, new lib.Agent({ allowH2: true, connections: 1 })) },
  Pool: { open: (lib) => byOrigin(lib, 'Pool') },
  Client: { open: (lib) => byOrigin(lib, 'Client') },
  RetryAgent: {
    open: (lib) => ask(lib, new lib.RetryAgent(new lib.Agent(), { maxRetries: 1, minTimeout: 10, statusCodes: [500] })),
  },
  EnvHttpProxyAgent: { open: (lib) => ask(lib, new lib.EnvHttpProxyAgent()) },
};

function byOrigin(lib, kind) {
  const dispatchers = new Map();
  return {
    get: (url, { signal } = {}) => {
      const { origin, pathname } = new URL(url);
      if (!dispatchers.has(origin)) dispatchers.set(origin, new lib[kind](origin));
      return dispatchers.get(origin).request({ path: pathname, method: 'GET', signal }).then(answer);
    },
  };
}

/** Refused and logged: of a copy inside a bundle nothing else can be carried out. */
const REFUSED_ONLY = Object.fromEntries(
  ['route', 'route over TLS', 'rewrite', 'rewrite inside TLS', 'local reply', 'timeout', 'timeout inside TLS'].map(
    (name) => [name, 'a copy inside a bundle cannot be wrapped'],
  ),
);

export const undiciClients = UNDICI_VERSIONS.flatMap(({ version, minNode, why }) => [
  ...Object.entries(WAYS).map(([way, { open, ...traits }]) => ({
    name: `undici ${version} ${way}`,
    layer: 'undici dispatch',
    minNode,
    why,
    ...traits,
    open: async () => open(await import(`undici${version}`)),
  })),
  {
    name: `undici ${version}, bundled`,
    layer: 'undici channel',
    // A request that is refused when its connection has been chosen takes the connection with it.
    pools: false,
    minNode,
    why,
    lacks: REFUSED_ONLY,
    open: async () =>
      ask(await import(pathToFileURL(join(process.env.MATRIX_BUNDLES, `undici${version}.mjs`))), undefined),
  },
]);
