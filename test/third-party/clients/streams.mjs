/** WebSockets and event streams. What the server refuses, most of them tell as a failure without a status. */
import { fromHeaders } from '../answers.mjs';

const toWebSocket = (url) => url.replace(/^http/, 'ws');
/** Its clock for the next attempt runs on for three seconds after it was closed. */
const EVENT_SOURCE = { opaque: true, pools: false, settleMs: 3500 };
const NO_STATUS = 'tells a refusal only as an error';

export const streamClients = [
  {
    name: 'ws',
    layer: 'http.ClientRequest',
    pools: false,
    open: async () => {
      const { default: WebSocket } = await import('ws');
      return {
        get: (url) =>
          new Promise((resolve, reject) => {
            const socket = new WebSocket(toWebSocket(url));
            let head;
            socket.on('upgrade', ({ headers }) => (head = headers));
            socket.on('message', (body) => {
              socket.terminate();
              resolve(fromHeaders(101, String(body), head));
            });
            socket.on('unexpected-response', (request, { statusCode, headers }) => {
              request.destroy();
              resolve({ status: statusCode, header: (name) => headers[name] });
            });
            socket.on('error', reject);
          }),
      };
    },
  },
  {
    name: 'WebSocket',
    layer: 'undici dispatch',
    minNode: 22,
    why: 'WebSocket is a global since Node 22',
    opaque: true,
    pools: false,
    open: async () => ({ get: (url) => message(new WebSocket(toWebSocket(url))) }),
  },
  {
    name: 'WebSocket (undici 7)',
    layer: 'undici dispatch',
    opaque: true,
    pools: false,
    open: async () => {
      const { WebSocket } = await import('undici7');
      return { get: (url) => message(new WebSocket(toWebSocket(url))) };
    },
  },
  {
    name: 'EventSource',
    layer: 'undici dispatch',
    flags: ['--experimental-eventsource'],
    ...EVENT_SOURCE,
    open: async () => ({ get: (url) => message(new EventSource(`${url}/events`)) }),
  },
  {
    name: 'EventSource (undici 7)',
    layer: 'undici dispatch',
    ...EVENT_SOURCE,
    open: async () => {
      const { EventSource } = await import('undici7');
      return { get: (url) => message(new EventSource(`${url}/events`)) };
    },
  },
  ...['polling', 'websocket'].map((transport) => ({
    name: `socket.io-client, ${transport}`,
    layer: 'http.ClientRequest',
    pools: false,
    denials: 200,
    lacks: { 'local reply': NO_STATUS, timeout: NO_STATUS, 'timeout inside TLS': NO_STATUS },
    open: async () => {
      const { io } = await import('socket.io-client');
      return {
        get: async (url) => {
          const { origin, pathname } = new URL(url);
          const socket = io(origin, {
            path: `${pathname}/socket.io`,
            transports: [transport],
            reconnection: false,
            forceNew: true,
          });
          try {
            await new Promise((resolve, reject) => {
              socket.on('connect', resolve);
              socket.on('connect_error', reject);
            });
            return {};
          } finally {
            socket.close();
          }
        },
      };
    },
  })),
];

async function message(socket) {
  try {
    await new Promise((resolve, reject) => {
      socket.addEventListener('message', resolve);
      socket.addEventListener('error', (event) => {
        reject(event.error instanceof Error ? event.error : new Error(event.message || 'connection failed'));
      });
    });
    return {};
  } finally {
    socket.close();
  }
}
