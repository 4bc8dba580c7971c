import { AsyncLocalStorage, executionAsyncId } from 'node:async_hooks';
import channels from 'node:diagnostics_channel';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { PerformanceObserver } from 'node:perf_hooks';
import tls from 'node:tls';
import { inspect } from 'node:util';
import type { Documented, Family } from '../behaviour.ts';
import type { Lab } from '../lab.ts';
import { inner } from '../trace.ts';

/** The keys of a module or a prototype, with what a program can ask of the functions. */
function shapeOf(value: object): readonly string[] {
  return Reflect.ownKeys(value).map((key) => {
    const descriptor: PropertyDescriptor = Object.getOwnPropertyDescriptor(value, key) ?? {};
    const { enumerable, writable, configurable } = descriptor;
    const flags = `${enumerable ? 'e' : ''}${writable ? 'w' : ''}${configurable ? 'c' : ''}`;
    const own: unknown = descriptor.value;
    const kind = typeof own === 'function' ? `function ${own.name}/${own.length}` : typeof own;
    return `${String(key)} ${flags} ${'get' in descriptor ? 'accessor' : kind}`;
  });
}

function method(owner: object, name: string): () => unknown {
  return (owner as { [name: string]: () => unknown })[name] ?? (() => undefined);
}

/** What `inspect` shows, a field a line, without what differs from run to run. */
function shown(value: unknown, depth = 3): string[] {
  return inspect(value, { depth, showHidden: false, sorted: true, compact: false, breakLength: Infinity })
    .replace(/\d+(\.\d+)?(?=,?$)/gm, '<number>')
    .replace(/(\[Symbol\(async_id_symbol\)\]|asyncId|triggerAsyncId|_idleStart|timerId)[^\n]*/g, '$1 …')
    .split('\n')
    .map((line) => line.replace(/,$/, ''));
}

const WATCHED: Documented = {
  what: 'With an access log, requests and sockets have listeners of ours, and addresses are read early',
  lines:
    /_events|_parent|_peername|_sockname|address:|family:|port:|\[Function|: undefined"|Symbol\(events.errorMonitor\)|^= +"\s+[{}]|kTrailers/,
  logged: true,
};

export const surface: Family = {
  name: 'http-surface',
  behaviours: [
    { name: 'the keys of node:http', run: () => shapeOf(http) },
    { name: 'the keys of node:https', run: () => shapeOf(https) },
    { name: 'the keys of node:net', run: () => shapeOf(net) },
    { name: 'the keys of node:tls', run: () => shapeOf(tls) },
    {
      name: 'the prototypes of requests and agents',
      run: () => [http.ClientRequest.prototype, http.Agent.prototype, https.Agent.prototype].map((one) => shapeOf(one)),
    },
    {
      name: 'the prototypes of sockets',
      run: () => [net.Socket.prototype, tls.TLSSocket.prototype].map((one) => shapeOf(one)),
    },
    {
      name: 'what a module gives to import and to require is the same',
      run: async () => {
        const imported = await import('node:http');
        const names = ['request', 'get', 'Agent', 'ClientRequest', 'globalAgent'] as const;
        return names.map((name) => imported[name] === http[name]);
      },
    },
    {
      name: 'functions that construct say so, and those that do not',
      run: (lab) => [
        lab.thrown(() => Reflect.construct(method(net.Socket.prototype, 'connect'), [])),
        'prototype' in method(net.Socket.prototype, 'connect'),
        'prototype' in method(http.Agent.prototype, 'createConnection'),
      ],
    },
    {
      name: 'instanceof, of a request, its socket, its response and its agent',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => response.end('ok'));
        const request = lab.request({ host: 'localhost', port });
        let seen: unknown;
        request.on('response', (response) => {
          const { socket } = response;
          seen = {
            request: request instanceof http.ClientRequest && request instanceof http.OutgoingMessage,
            response: response instanceof http.IncomingMessage,
            socket: socket instanceof net.Socket,
            exactly: [request, response, socket].map((one) => one.constructor.name),
            prototypes: [
              Object.getPrototypeOf(request) === http.ClientRequest.prototype,
              Object.getPrototypeOf(socket) === net.Socket.prototype,
            ],
            agent: inner(request)['agent'] === http.globalAgent,
          };
        });
        await lab.exchange(request);
        return seen;
      },
    },
    {
      name: 'the fields of a request before and after',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => response.end('ok'));
        const request = lab.request({ host: 'localhost', port, method: 'POST', path: '/a?b', headers: { 'x-a': '1' } });
        const before = [Object.keys(request), request.path, request.method, request.protocol, request.host];
        await lab.exchange(request, 'x');
        return { before, after: Object.keys(request) };
      },
    },
    {
      name: 'the enumerable fields of a socket in use',
      documented: WATCHED,
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => response.end('ok'));
        const request = lab.request({ host: 'localhost', port, agent: false });
        const keys: unknown[] = [];
        request.on('socket', (socket) => keys.push(Object.keys(socket)));
        request.on('response', (response) => keys.push(Object.keys(response.socket), Object.keys(response)));
        await lab.exchange(request);
        return keys;
      },
    },
    {
      name: 'what inspect shows of an agent',
      run: () => [shown(new http.Agent({ keepAlive: true })), shown(http.globalAgent), shown(https.globalAgent)],
    },
    {
      name: 'what inspect shows of a request in flight',
      documented: WATCHED,
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => response.end('ok'));
        const request = http.request({ host: '127.0.0.1', port, agent: false });
        const before = shown(request, 1);
        const text = await lab.exchange(request);
        return { before, after: shown(request, 1), text };
      },
    },
    {
      name: 'what inspect shows of a socket',
      documented: WATCHED,
      run: async (lab) => {
        const { port } = await lab.tcp((socket) => socket.resume());
        const socket = net.connect(port, '127.0.0.1');
        const before = shown(socket, 1);
        await new Promise((resolve) => socket.once('connect', resolve));
        const after = shown(socket, 1);
        socket.destroy();
        return { before, after };
      },
    },
    {
      name: 'what JSON makes of a request’s headers and of an agent’s options',
      run: () => {
        const agent = new http.Agent({ keepAlive: true, maxSockets: 3 });
        return JSON.stringify(inner(agent)['options']);
      },
    },
    {
      name: 'listeners that Node itself puts on a request and its socket',
      documented: { ...WATCHED, lines: /^= {4}[12]$/ },
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => response.end('ok'));
        const counts = (emitter: NodeJS.EventEmitter) =>
          ['error', 'data', 'end', 'timeout', 'free', 'connect', 'response', 'drain'].map((name) => [
            name,
            emitter.listenerCount(name),
          ]);
        const request = http.request({ host: 'localhost', port, agent: false });
        const seen: unknown[] = [counts(request)];
        request.on('socket', (socket) => seen.push(counts(request), counts(socket)));
        request.on('response', (response) => seen.push(counts(response.socket)));
        await lab.exchange(request);
        return seen;
      },
    },
    {
      name: 'AsyncLocalStorage holds in every listener',
      run: async (lab) => {
        const storage = new AsyncLocalStorage<string>();
        const { port } = await lab.http((_request, response) => response.end('ok'));
        const agent = lab.agent(new http.Agent({ keepAlive: true, maxSockets: 1 }));
        const send = (name: string) =>
          storage.run(name, () => {
            const request = http.request({ host: 'api.behaviour.test', port, agent, lookup: lab.lookup() });
            const tell = (what: string) => lab.trace.note(`${what} of ${name} in ${storage.getStore()}`);
            for (const event of ['socket', 'finish', 'close']) request.on(event, () => tell(event));
            request.on('socket', (socket) => socket.once('connect', () => tell('connect')));
            request.on('response', (response) => {
              tell('response');
              response.on('data', () => tell('data')).on('end', () => tell('end'));
            });
            return lab.exchange(request);
          });
        await Promise.all([send('first'), send('second'), send('third')]);
        return storage.getStore() ?? 'outside';
      },
    },
    {
      name: 'AsyncLocalStorage holds in lookup and in the error of a refused connection',
      run: async (lab) => {
        const storage = new AsyncLocalStorage<string>();
        const port = lab.closedPort('http');
        await storage.run('mine', () => {
          const lookup = ((_host: string, options: { all?: boolean }, callback: (...args: unknown[]) => void) => {
            lab.trace.note('lookup', storage.getStore());
            setImmediate(() =>
              options.all ? callback(null, [{ address: '127.0.0.1', family: 4 }]) : callback(null, '127.0.0.1', 4),
            );
          }) as never;
          const request = http.request({ host: 'api.behaviour.test', port, agent: false, lookup });
          request.on('error', () => lab.trace.note('error', storage.getStore(), executionAsyncId() > 0));
          request.on('close', () => lab.trace.note('close', storage.getStore()));
          return lab.exchange(request);
        });
      },
    },
    {
      name: 'diagnostics channels of a request that is answered',
      run: (lab) =>
        withChannels(lab, async () => {
          const { port } = await lab.http((_request, response) => response.end('ok'));
          await lab.exchange(http.request({ host: '127.0.0.1', port, agent: false }));
        }),
    },
    {
      name: 'diagnostics channels of a request that is refused',
      documented: {
        what: 'A refused HTTP connection is tried again by sockets of ours, which Node 26 tells on net.client.socket',
        lines: /^net\.client\.socket: /,
      },
      run: (lab) =>
        withChannels(lab, async () => {
          await lab.exchange(http.request({ host: '127.0.0.1', port: lab.closedPort('http'), agent: false }));
        }),
    },
    {
      name: 'performance entries of requests',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => response.end('ok'));
        const entries: unknown[] = [];
        const observer = new PerformanceObserver((list) => {
          for (const entry of list.getEntries())
            if (entry.name === 'HttpClient') entries.push([entry.name, entry.entryType, inner(entry)['detail']]);
        });
        observer.observe({ entryTypes: ['http'] });
        await lab.exchange(http.request({ host: '127.0.0.1', port, agent: false, path: '/performance' }));
        await lab.calm();
        observer.disconnect();
        return entries;
      },
    },
  ],
};

const CHANNELS = [
  'http.client.request.created',
  'http.client.request.start',
  'http.client.request.error',
  'http.client.response.finish',
  'net.client.socket',
];

/** What the channels tell while `run` is under way, in which order. */
async function withChannels(lab: Lab, run: () => Promise<void>): Promise<void> {
  const listen = (message: unknown, name: string | symbol): void =>
    lab.trace.note(String(name), Object.keys(message as object).sort(), inner(message as object)['error']);
  for (const name of CHANNELS) channels.subscribe(name, listen);
  try {
    await run();
    await lab.calm(5);
  } finally {
    for (const name of CHANNELS) channels.unsubscribe(name, listen);
  }
}
