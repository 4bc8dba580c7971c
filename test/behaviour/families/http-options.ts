import http from 'node:http';
import net from 'node:net';
import type { Family } from '../behaviour.ts';
import type { Lab } from '../lab.ts';
import type { Server } from '../servers.ts';

const echo = (lab: Lab): Promise<Server> =>
  lab.http((request, response) =>
    response.end(`${request.method} ${request.url} ${request.headers.host?.split(':')[0]}`),
  );

/** One way to say where to. */
function form(name: string, call: (port: number, lab: Lab) => http.ClientRequest) {
  return {
    name,
    run: async (lab: Lab) => {
      const { port } = await echo(lab);
      return lab.exchange(lab.trace.watch('request', call(port, lab)));
    },
  };
}

export const options: Family = {
  name: 'http-options',
  behaviours: [
    form('a URL as text', (port) => http.request(`http://localhost:${port}/a?b=c#d`)),
    form('a URL object', (port) => http.request(new URL(`http://localhost:${port}/a%20b?c=d`))),
    form('a URL object with credentials', (port) => http.request(new URL(`http://user:pa%20ss@localhost:${port}/`))),
    form('a URL and options that change it', (port) =>
      http.request(`http://localhost:${port}/a`, { method: 'POST', path: '/b', headers: { 'x-a': '1' } }),
    ),
    form('a URL object and options and a callback', (port, lab) =>
      http.request(new URL(`http://localhost:${port}/`), { method: 'PUT' }, () => lab.trace.note('callback')),
    ),
    form('hostname before host', (port) =>
      http.request({ hostname: 'localhost', host: 'nowhere.behaviour.test', port }),
    ),
    form('no host is localhost', (port) => http.request({ port })),
    form('http.get ends by itself', (port) => http.get({ host: 'localhost', port, path: '/get' })),
    form('http.get with a URL and options', (port) => http.get(`http://localhost:${port}/x`, { path: '/y' })),
    form('new http.ClientRequest', (port) => new http.ClientRequest({ host: 'localhost', port, path: '/new' })),
    form('setHost: false sends no Host', (port) =>
      http.request({ host: '127.0.0.1', port, setHost: false, headers: { host: `127.0.0.1:${port}` } }),
    ),
    form('auth is sent as Basic', (port) => http.request({ host: 'localhost', port, auth: 'user:password' })),
    form('headers as an array', (port) =>
      http.request({
        host: 'localhost',
        port,
        headers: ['X-B', '1', 'X-A', '2', 'x-b', '3', 'Host', `localhost:${port}`] as never,
      }),
    ),
    form('headers keep their case and order, lists are joined or repeated', (port) =>
      http.request({
        host: 'localhost',
        port,
        headers: { 'X-Z': '1', 'x-a': ['1', '2'], Cookie: ['a=1', 'b=2'], N: 5 } as never,
      }),
    ),
    form('joinDuplicateHeaders and uniqueHeaders', (port) =>
      http.request({
        host: 'localhost',
        port,
        uniqueHeaders: ['x-a', 'cookie'],
        headers: { 'x-a': ['1', '2'], cookie: ['a=1', 'b=2'] },
      } as never),
    ),
    form('latin1 in headers, percent in the path', (port) =>
      http.request({ host: 'localhost', port, path: '/%E2%82%AC', headers: { 'x-latin': 'caf\u00e9' } }),
    ),
    form('methods of one’s own are in capitals', (port) =>
      http.request({ host: 'localhost', port, method: 'propfind' }),
    ),
    form('an absolute path, as to a proxy', (port) =>
      http.request({ host: 'localhost', port, path: `http://localhost:${port}/absolute` }),
    ),
    form('family 4', (port) => http.request({ host: 'localhost', port, family: 4 })),
    form('a trailing dot of the name', (port, lab) =>
      http.request({ host: 'api.behaviour.test.', port, lookup: lab.lookup() }),
    ),
    form('capitals in the name', (port, lab) =>
      http.request({ host: 'API.Behaviour.TEST', port, lookup: lab.lookup() }),
    ),
    form('a lookup of one’s own is asked once, with Node’s options', (port, lab) =>
      http.request({ host: 'api.behaviour.test', port, lookup: lab.lookup(), family: 4, hints: 0 }),
    ),
    form('a lookup is not asked for an address', (port, lab) =>
      http.request({ host: '127.0.0.1', port, lookup: lab.lookup() }),
    ),
    form('insecureHTTPParser and maxHeaderSize', (port) =>
      http.request({ host: 'localhost', port, insecureHTTPParser: true, maxHeaderSize: 100_000 }),
    ),
    form('defaultPort is not sent in Host', (port) =>
      http.request({ host: '127.0.0.1', port, defaultPort: port, headers: { host: `127.0.0.1:${port}` } }),
    ),
    form('localPort 0 and localAddress', (port) =>
      http.request({ host: '127.0.0.1', port, localAddress: '127.0.0.2', localPort: 0 } as never),
    ),
    {
      name: 'a host in IPv6, in brackets in Host',
      run: async (lab) => {
        const { port } = await lab.http((request, response) => response.end(request.headers.host), {
          host: '::1',
          carried: 'tcp',
        });
        return lab.exchange(lab.request({ host: '::1', port }));
      },
    },
    {
      name: 'a URL with a host in IPv6',
      run: async (lab) => {
        const { port } = await lab.http((request, response) => response.end(request.headers.host), {
          host: '::1',
          carried: 'tcp',
        });
        return lab.exchange(lab.request(`http://[::1]:${port}/`));
      },
    },
    {
      name: 'a unix socket',
      run: async (lab) => {
        const path = lab.socketPath('http');
        await lab.http((request, response) => response.end(`${request.url} ${request.headers.host}`), { path });
        const agent = lab.agent(new http.Agent({ keepAlive: true }));
        const bodies: string[] = [];
        for (let i = 0; i < 2; i++) {
          const request = lab.request({ socketPath: path, path: '/unix', agent });
          bodies.push(await lab.exchange(request), String(request.reusedSocket));
          await lab.calm(3);
        }
        return { bodies, names: Object.keys(agent.freeSockets) };
      },
    },
    {
      name: 'createConnection as an option of the request',
      run: async (lab) => {
        const { port } = await echo(lab);
        const request = lab.request({
          host: 'localhost',
          port,
          createConnection: (given, callback) => {
            lab.trace.note('createConnection', Object.keys(given).sort(), typeof callback);
            return net.connect(port, '127.0.0.1');
          },
        });
        return lab.exchange(request);
      },
    },
    {
      name: 'createConnection that calls back later',
      run: async (lab) => {
        const { port } = await echo(lab);
        const request = lab.request({
          host: 'localhost',
          port,
          createConnection: (_given, callback) => {
            const socket = net.connect(port, '127.0.0.1', () => callback(null, socket));
            return undefined;
          },
        });
        return lab.exchange(request);
      },
    },
    {
      name: 'createConnection that calls back with an error',
      run: async (lab) => {
        const request = lab.request({
          host: 'localhost',
          port: lab.closedPort('http'),
          createConnection: (_given, callback) => {
            setImmediate(() => callback(new Error('no connection'), undefined as never));
            return undefined;
          },
        });
        await lab.exchange(request);
      },
    },
    {
      name: 'createConnection that throws',
      run: (lab) => {
        const port = lab.closedPort('http');
        const createConnection = (): never => {
          throw new Error('thrown');
        };
        return lab.thrown(() => http.request({ host: 'localhost', port, createConnection }));
      },
    },
    {
      name: 'createConnection of an agent',
      run: async (lab) => {
        const { port } = await echo(lab);
        const agent = lab.agent(new http.Agent({ keepAlive: true }));
        let calls = 0;
        agent.createConnection = () => {
          calls += 1;
          return net.connect(port, '127.0.0.1');
        };
        const bodies: string[] = [];
        for (let i = 0; i < 2; i++) {
          bodies.push(await lab.exchange(lab.request({ host: 'api.behaviour.test', port, agent })));
          await lab.calm(3);
        }
        return { bodies, calls };
      },
    },
    {
      name: 'options are not changed, and may be frozen',
      run: async (lab) => {
        const { port } = await echo(lab);
        const given = Object.freeze({
          host: 'localhost',
          port,
          path: '/frozen',
          headers: Object.freeze({ 'x-a': '1' }),
        });
        const body = await lab.exchange(lab.request(given));
        return { body, keys: Reflect.ownKeys(given).map(String) };
      },
    },
    {
      name: 'options without a prototype, and of a class',
      run: async (lab) => {
        const { port } = await echo(lab);
        const bare = Object.assign(Object.create(null) as object, { host: 'localhost', port, path: '/bare' });
        class Options {
          host = 'localhost';
          port = port;
          get path(): string {
            return '/inherited';
          }
        }
        return [await lab.exchange(lab.request(bare)), await lab.exchange(lab.request(new Options()))];
      },
    },
    {
      name: 'how often getters of the options are read',
      run: async (lab) => {
        const { port } = await echo(lab);
        const reads: { [name: string]: number } = {};
        const given: object = {};
        for (const [name, value] of Object.entries({ host: 'localhost', port, path: '/getters', method: 'GET' }))
          Object.defineProperty(given, name, {
            enumerable: true,
            get: () => {
              reads[name] = (reads[name] ?? 0) + 1;
              return value;
            },
          });
        const body = await lab.exchange(lab.request(given));
        return { body, reads };
      },
    },
    {
      name: 'the events of a request in a queue, and its socket in onSocket',
      run: async (lab) => {
        const { port } = await echo(lab);
        const agent = lab.agent(new http.Agent({ keepAlive: true, maxSockets: 1 }));
        const requests = ['/1', '/2'].map((path) => lab.request({ host: '127.0.0.1', port, agent, path }));
        return Promise.all(requests.map((request) => lab.exchange(request)));
      },
    },
    {
      name: 'properties of the socket while the response is read',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => response.end('ok'));
        const request = lab.request({ host: 'localhost', port, agent: false });
        let seen: unknown;
        request.on('response', ({ socket }) => {
          lab.mask(socket.localPort ?? '', '<local port>');
          seen = {
            remote: [socket.remoteAddress, socket.remotePort, socket.remoteFamily],
            local: [socket.localAddress, socket.localFamily],
            address: Object.keys(socket.address()),
            state: [socket.readyState, socket.connecting, socket.pending, socket.destroyed, socket.timeout],
            half: socket.allowHalfOpen,
            attempted: socket.autoSelectFamilyAttemptedAddresses,
          };
        });
        await lab.exchange(request);
        return seen;
      },
    },
    {
      name: 'Host of the caller’s own choice, on the address',
      run: async (lab) => {
        const { port } = await echo(lab);
        const headers = { host: `localhost:${port}` };
        return lab.exchange(lab.request({ host: 'localhost', port, headers, agent: false }));
      },
    },
    {
      name: 'headers set, changed and removed until the body begins',
      run: async (lab) => {
        const { port } = await echo(lab);
        const request = lab.request({ host: 'localhost', port, method: 'POST', headers: { 'x-a': '1', 'x-b': '2' } });
        request.setHeader('X-A', ['3', '4']);
        request.removeHeader('x-b');
        request.setHeaders(new Map([['x-c', '5']]));
        request.appendHeader('x-c', '6');
        request.method = 'PATCH';
        request.path = '/changed';
        return lab.exchange(request, 'body');
      },
    },
  ],
};
