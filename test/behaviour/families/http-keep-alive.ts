import http from 'node:http';
import type { Family } from '../behaviour.ts';
import type { Lab } from '../lab.ts';
import { inner } from '../trace.ts';

type Overridable = { [name: string]: (...args: unknown[]) => unknown };

/** Overrides a method of the agent by one that tells of its calls. */
function noteCalls(lab: Lab, agent: http.Agent, name: string): void {
  const original = (agent as unknown as Overridable)[name];
  (agent as unknown as Overridable)[name] = function (this: unknown, ...args: unknown[]) {
    const result = original?.apply(this, args);
    lab.trace.note(name, ...args.map((arg) => lab.trace.nameOf(arg) ?? keysOf(arg)), typeof result);
    return result;
  };
}

function keysOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? Object.keys(value).sort() : typeof value;
}

export const keepAlive: Family = {
  name: 'http-keep-alive',
  behaviours: [
    {
      name: 'a second request reuses the socket and says so',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => response.end('ok'));
        const agent = lab.agent(lab.trace.watch('agent', new http.Agent({ keepAlive: true })));
        const reused: boolean[] = [];
        for (const path of ['/1', '/2', '/3']) {
          const request = lab.request({ host: 'localhost', port, path, agent });
          await lab.exchange(request);
          reused.push(request.reusedSocket);
          await lab.calm(3);
        }
        return { reused, sockets: Object.keys(agent.sockets).length, free: Object.keys(agent.freeSockets).length };
      },
    },
    {
      name: 'without keep-alive each request has a socket of its own and closes it',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => response.end('ok'));
        const agent = lab.agent(lab.trace.watch('agent', new http.Agent({ keepAlive: false })));
        for (const path of ['/1', '/2']) {
          const request = lab.request({ host: '127.0.0.1', port, path, agent });
          const closed = lab.trace.seen(`socket${path === '/1' ? '' : '2'} close`);
          await lab.exchange(request);
          await closed;
        }
        return { free: Object.keys(agent.freeSockets), total: inner(agent)['totalSocketCount'] };
      },
    },
    {
      name: 'the global agent keeps connections and names its pool',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => response.end('ok'));
        await lab.exchange(lab.request(`http://localhost:${port}/a`));
        await lab.calm(3);
        const names = Object.keys(http.globalAgent.freeSockets);
        await lab.exchange(lab.request(`http://localhost:${port}/b`));
        return { names };
      },
    },
    {
      name: 'agent: false opens a connection and closes it',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => response.end('ok'));
        const request = lab.request({ host: 'localhost', port, agent: false });
        const closed = lab.trace.seen('socket close');
        await lab.exchange(request);
        await closed;
        return { keepAlive: request.shouldKeepAlive, agent: inner(request)['agent'] };
      },
    },
    {
      name: 'a connection that the server closed while idle is not reused',
      run: async (lab) => {
        const server = await lab.http((_request, response) => response.end('ok'));
        const agent = lab.agent(lab.trace.watch('agent', new http.Agent({ keepAlive: true })));
        await lab.exchange(lab.request({ host: 'localhost', port: server.port, agent }));
        const closed = lab.trace.seen('socket close');
        server.heard[0]?.socket.end();
        await closed;
        const second = lab.request({ host: 'localhost', port: server.port, agent });
        await lab.exchange(second);
        return { reused: second.reusedSocket };
      },
    },
    {
      name: 'a reset of a reused connection is ECONNRESET with reusedSocket',
      run: async (lab) => {
        const { port } = await lab.scripted((_request, index, socket) => {
          if (index === 0) return 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
          socket.resetAndDestroy();
          return undefined;
        });
        const agent = lab.agent(new http.Agent({ keepAlive: true }));
        await lab.exchange(lab.request({ host: 'localhost', port, agent }));
        await lab.calm(3);
        const second = lab.request({ host: 'localhost', port, agent });
        await lab.exchange(second);
        return { reused: second.reusedSocket };
      },
    },
    {
      name: 'Connection: close from the server ends the connection',
      run: async (lab) => {
        const { port } = await lab.scripted((_request, _index, socket) => {
          socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok');
          return undefined;
        });
        const agent = lab.agent(lab.trace.watch('agent', new http.Agent({ keepAlive: true })));
        const closed = lab.trace.seen('socket close');
        await lab.exchange(lab.request({ host: 'localhost', port, agent }));
        await closed;
        return Object.keys(agent.freeSockets);
      },
    },
    {
      name: 'Connection: close of the request is sent and obeyed',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => response.end('ok'));
        const agent = lab.agent(lab.trace.watch('agent', new http.Agent({ keepAlive: true })));
        const closed = lab.trace.seen('socket close');
        await lab.exchange(lab.request({ host: 'localhost', port, agent, headers: { connection: 'close' } }));
        await closed;
      },
    },
    {
      name: 'the Keep-Alive hint of the server bounds how long a socket is kept',
      run: async (lab) => {
        const { port } = await lab.scripted(
          () => 'HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok',
        );
        const agent = lab.agent(lab.trace.watch('agent', new http.Agent({ keepAlive: true, timeout: 60_000 })));
        const request = lab.request({ host: 'localhost', port, agent });
        await lab.exchange(request);
        await lab.calm(3);
        return Object.values(agent.freeSockets)
          .flat()
          .map((socket) => socket?.timeout);
      },
    },
    {
      name: 'an HTTP/1.0 server is answered without keep-alive',
      run: async (lab) => {
        const { port } = await lab.scripted((_request, _index, socket) => {
          socket.end('HTTP/1.0 200 OK\r\n\r\nuntil the end');
          return undefined;
        });
        const agent = lab.agent(new http.Agent({ keepAlive: true }));
        const request = lab.request({ host: 'localhost', port, agent });
        const body = await lab.exchange(request);
        return { body };
      },
    },
    {
      name: 'keepSocketAlive and reuseSocket of an agent are asked',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => response.end('ok'));
        const agent = lab.agent(new http.Agent({ keepAlive: true }));
        noteCalls(lab, agent, 'keepSocketAlive');
        noteCalls(lab, agent, 'reuseSocket');
        for (let i = 0; i < 2; i++) {
          await lab.exchange(lab.request({ host: 'localhost', port, agent }));
          await lab.calm(3);
        }
      },
    },
    {
      name: 'an agent that overrides createConnection and getName is asked with what Node asks with',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => response.end('ok'));
        const agent = lab.agent(new http.Agent({ keepAlive: true }));
        noteCalls(lab, agent, 'createConnection');
        noteCalls(lab, agent, 'getName');
        for (let i = 0; i < 2; i++) {
          await lab.exchange(lab.request({ host: 'localhost', port, agent, path: `/${i}` }));
          await lab.calm(3);
        }
      },
    },
    {
      name: 'setSocketKeepAlive, setNoDelay and setTimeout before the socket',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => response.end('ok'));
        const request = lab.request({ host: 'localhost', port });
        const given = [
          request.setNoDelay(true) === undefined,
          request.setSocketKeepAlive(true, 1000) === undefined,
          request.setTimeout(5000) === request,
        ];
        request.on('socket', (socket) => lab.trace.note('listeners', socket.eventNames().map(String).sort()));
        await lab.exchange(request);
        return { given, timeout: inner(request)['timeout'] };
      },
    },
  ],
};
