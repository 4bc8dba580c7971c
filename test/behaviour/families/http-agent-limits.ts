import http from 'node:http';
import type { Family } from '../behaviour.ts';
import type { Lab } from '../lab.ts';
import { inner } from '../trace.ts';

/** Answers in the order in which they came, when `let` is called. */
async function gate(lab: Lab) {
  const waiting: { readonly path: string; readonly response: http.ServerResponse }[] = [];
  const server = await lab.http((request, response) => {
    waiting.push({ path: request.url ?? '', response });
    lab.trace.note(`arrived ${request.url}`);
  });
  const pass = (): void => {
    const next = waiting.shift();
    next?.response.end(next.path);
  };
  return { port: server.port, pass, waiting, server };
}

/** Sends `count` requests with one agent, lets them pass one by one, and tells of the order. */
async function inTurn(lab: Lab, options: http.AgentOptions, count: number): Promise<unknown> {
  const { port, pass, waiting } = await gate(lab);
  const agent = lab.agent(new http.Agent(options));
  const counts: unknown[] = [];
  const paths = Array.from({ length: count }, (_, index) => `/${index + 1}`);
  const all = paths.map((path) => {
    const request = http.request({ host: '127.0.0.1', port, path, agent });
    return lab.exchange(request).then((body) => lab.trace.note('over', body, request.reusedSocket));
  });
  for (const _path of paths) {
    await lab.until(() => waiting.length > 0);
    await lab.calm(5);
    counts.push([
      Object.values(agent.sockets).flat().length,
      Object.values(agent.requests).flat().length,
      Object.values(agent.freeSockets).flat().length,
    ]);
    pass();
  }
  await Promise.all(all);
  await lab.calm(5);
  return { counts, free: Object.values(agent.freeSockets).flat().length, total: inner(agent)['totalSocketCount'] };
}

export const agentLimits: Family = {
  name: 'http-agent-limits',
  behaviours: [
    {
      name: 'maxSockets 1 queues in order and reuses',
      run: (lab) => inTurn(lab, { keepAlive: true, maxSockets: 1 }, 4),
    },
    {
      name: 'maxSockets 1 without keep-alive opens one connection after the other',
      run: (lab) => inTurn(lab, { keepAlive: false, maxSockets: 1 }, 3),
    },
    {
      name: 'maxTotalSockets 1 over several hosts',
      run: async (lab) => {
        const { port, pass, waiting } = await gate(lab);
        const agent = lab.agent(new http.Agent({ keepAlive: true, maxTotalSockets: 1 }));
        const hosts = ['a.behaviour.test', 'b.behaviour.test', 'a.behaviour.test'];
        const all = hosts.map((host, index) =>
          lab.exchange(http.request({ host, port, path: `/${index}`, agent, lookup: lab.lookup() })),
        );
        await lab.until(() => waiting.length > 0);
        const queued = Object.keys(agent.requests);
        for (let passed = 0; passed < 3; passed++) {
          await lab.until(() => waiting.length > 0);
          await lab.calm(5);
          pass();
        }
        return { queued, bodies: await Promise.all(all), names: Object.keys(agent.freeSockets) };
      },
    },
    {
      name: 'maxFreeSockets 1 keeps one',
      run: (lab) => inTurn(lab, { keepAlive: true, maxFreeSockets: 1, maxSockets: 1 }, 2),
    },
    ...(['fifo', 'lifo'] as const).map((scheduling) => ({
      name: `scheduling ${scheduling} takes the free socket that it should`,
      run: async (lab: Lab) => {
        const { port, pass, waiting } = await gate(lab);
        const agent = lab.agent(new http.Agent({ keepAlive: true, scheduling }));
        const sockets: unknown[] = [];
        const send = (path: string) => {
          const request = http.request({ host: '127.0.0.1', port, path, agent });
          request.on('socket', (socket) => sockets.push(lab.trace.name('connection', socket)));
          return lab.exchange(request);
        };
        const first = send('/1');
        await lab.trace.seen('arrived /1');
        const second = send('/2');
        await lab.trace.seen('arrived /2');
        pass();
        await first;
        await lab.calm(3);
        pass();
        await second;
        await lab.calm(3);
        const third = send('/3');
        await lab.trace.seen('arrived /3');
        pass();
        await third;
        return { sockets, left: waiting.length };
      },
    })),
    {
      name: 'agent.destroy closes what is free and what is in use',
      run: async (lab) => {
        const { port, pass } = await gate(lab);
        const agent = lab.trace.watch('agent', new http.Agent({ keepAlive: true }));
        const first = lab.request({ host: '127.0.0.1', port, path: '/1', agent });
        const over = lab.exchange(first);
        await lab.trace.seen('arrived /1');
        pass();
        await over;
        await lab.calm(3);
        const second = lab.request({ host: '127.0.0.1', port, path: '/2', agent });
        second.on('error', () => undefined);
        second.end();
        await lab.trace.seen('arrived /2');
        const closed = lab.closed(second);
        agent.destroy();
        await closed;
        await lab.calm();
        return { sockets: Object.keys(agent.sockets), free: Object.keys(agent.freeSockets) };
      },
    },
    {
      name: 'agent.destroy lets an idle socket close without an error',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => response.end('ok'));
        const agent = new http.Agent({ keepAlive: true });
        await lab.exchange(lab.request({ host: 'localhost', port, agent }));
        await lab.calm(3);
        const closed = lab.trace.seen('socket close');
        agent.destroy();
        await closed;
      },
    },
    {
      name: 'the queue goes on after a request that failed to connect',
      run: async (lab) => {
        const agent = lab.agent(new http.Agent({ keepAlive: true, maxSockets: 1 }));
        const port = lab.closedPort('http');
        const requests = ['/1', '/2'].map((path) => lab.request({ host: '127.0.0.1', port, path, agent }));
        await Promise.all(requests.map((request) => lab.exchange(request)));
        return { sockets: Object.keys(agent.sockets), queued: Object.keys(agent.requests) };
      },
    },
    {
      name: 'a queued request whose socket the former one destroyed gets a new one',
      run: async (lab) => {
        const { port, pass } = await gate(lab);
        const agent = lab.agent(new http.Agent({ keepAlive: true, maxSockets: 1 }));
        const first = lab.request({ host: '127.0.0.1', port, path: '/1', agent });
        first.on('error', () => undefined);
        first.end();
        const second = lab.request({ host: '127.0.0.1', port, path: '/2', agent });
        const over = lab.exchange(second);
        await lab.trace.seen('arrived /1');
        const arrived = lab.trace.seen('arrived /2');
        first.destroy();
        await arrived;
        pass();
        pass();
        return { body: await over, reused: second.reusedSocket };
      },
    },
    {
      name: 'names of the pool tell host, port, local address and family apart',
      run: () => {
        const agent = new http.Agent();
        return [
          agent.getName({ host: 'a', port: 1, localAddress: '' }),
          agent.getName({ host: 'a', port: 1, localAddress: '127.0.0.1', family: 4 }),
          agent.getName({ socketPath: '/tmp/x' }),
          agent.getName(),
          agent.getName({}),
        ];
      },
    },
    {
      name: 'different local addresses do not share a connection',
      run: async (lab) => {
        const { port } = await lab.http((request, response) => response.end(String(request.socket.remoteAddress)));
        const agent = lab.agent(new http.Agent({ keepAlive: true }));
        const bodies: string[] = [];
        for (const localAddress of ['127.0.0.1', '127.0.0.2', '127.0.0.1']) {
          bodies.push(await lab.exchange(lab.request({ host: '127.0.0.1', port, agent, localAddress })));
          await lab.calm(3);
        }
        return { bodies, names: Object.keys(agent.freeSockets).sort() };
      },
    },
    {
      name: 'invalid limits throw',
      run: (lab) => [
        lab.thrown(() => new http.Agent({ maxTotalSockets: -1 })),
        lab.thrown(() => new http.Agent({ maxTotalSockets: 'many' as never })),
        lab.thrown(() => new http.Agent({ scheduling: 'random' as never })),
      ],
    },
    {
      name: 'an agent of another protocol is refused at once',
      run: async (lab) => {
        const https = await import('node:https');
        return [
          lab.thrown(() => http.request({ host: 'localhost', port: 1, agent: new https.Agent() })),
          lab.thrown(() => https.request({ host: 'localhost', port: 1, agent: new http.Agent() })),
          lab.thrown(() => http.request({ protocol: 'ftp:', host: 'localhost' })),
          lab.thrown(() => http.request({ host: 'localhost', agent: {} as never })),
        ];
      },
    },
    {
      name: 'a duck-typed agent gets the request and its options',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => response.end('ok'));
        const net = await import('node:net');
        const agent = {
          protocol: 'http:',
          defaultPort: 80,
          addRequest(request: http.ClientRequest, options: object): void {
            lab.trace.note('addRequest', request.path, Object.keys(options).sort());
            request.onSocket(net.connect(port, '127.0.0.1'));
          },
        };
        return lab.exchange(lab.request({ host: 'localhost', port, path: '/duck', agent: agent as never }));
      },
    },
  ],
};
