import http from 'node:http';
import type { Family } from '../behaviour.ts';

export const timeouts: Family = {
  name: 'http-timeouts',
  behaviours: [
    {
      name: 'request.setTimeout emits timeout and goes on waiting',
      run: async (lab) => {
        let late: http.ServerResponse | undefined;
        const { port } = await lab.http((_request, response) => (late = response));
        const request = lab.request({ host: 'localhost', port });
        request.setTimeout(30, () => {
          lab.trace.note('callback');
          late?.end('late');
        });
        return lab.exchange(request);
      },
    },
    {
      name: 'options.timeout emits timeout, on the request and on the socket',
      run: async (lab) => {
        const { port } = await lab.http(() => undefined);
        const request = lab.request({ host: 'localhost', port, timeout: 30 });
        request.on('timeout', () => request.destroy());
        await lab.exchange(request);
        return { timeout: (request as { timeout?: number }).timeout, socket: request.socket?.timeout };
      },
    },
    {
      name: 'destroying with an error in the timeout handler',
      run: async (lab) => {
        const { port } = await lab.http(() => undefined);
        const request = lab.request({ host: 'localhost', port, timeout: 30 });
        request.on('timeout', () => request.destroy(new Error('took too long')));
        await lab.exchange(request);
      },
    },
    {
      name: 'the timeout of the agent closes an idle socket',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => response.end('ok'));
        const agent = lab.agent(lab.trace.watch('agent', new http.Agent({ keepAlive: true, timeout: 40 })));
        const closed = lab.trace.seen('socket close');
        await lab.exchange(lab.request({ host: 'localhost', port, agent }));
        await closed;
        return Object.keys(agent.freeSockets);
      },
    },
    {
      name: 'the timeout of the agent is told to a request in flight',
      run: async (lab) => {
        const { port } = await lab.http(() => undefined);
        const agent = lab.agent(new http.Agent({ keepAlive: true, timeout: 30 }));
        const request = lab.request({ host: 'localhost', port, agent });
        request.on('timeout', () => request.destroy());
        await lab.exchange(request);
        return { listeners: request.listenerCount('timeout') };
      },
    },
    {
      name: 'a reused socket has the timeout of its request, and then that of the agent again',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => response.end('ok'));
        const agent = lab.agent(new http.Agent({ keepAlive: true, timeout: 5000 }));
        const timeouts: unknown[] = [];
        for (const timeout of [undefined, 7000, undefined]) {
          const request = lab.request({ host: 'localhost', port, agent, ...(timeout !== undefined && { timeout }) });
          request.on('socket', (socket) => timeouts.push(socket.timeout));
          await lab.exchange(request);
          await lab.calm(3);
          timeouts.push(Object.values(agent.freeSockets).flat()[0]?.timeout);
        }
        return timeouts;
      },
    },
    {
      name: 'socket.setTimeout from the socket event',
      run: async (lab) => {
        const { port } = await lab.http(() => undefined);
        const request = lab.request({ host: 'localhost', port, agent: false });
        request.on('socket', (socket) => socket.setTimeout(30, () => socket.destroy()));
        await lab.exchange(request);
      },
    },
    {
      name: 'a timeout between two parts of the body',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => {
          response.writeHead(200, { 'content-length': 10 });
          response.write('part');
        });
        const request = lab.request({ host: 'localhost', port, timeout: 40 });
        request.on('timeout', () => request.destroy());
        await lab.exchange(request);
      },
    },
    {
      name: 'setTimeout(0) takes it away',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => void setTimeout(() => response.end('ok'), 40));
        const request = lab.request({ host: 'localhost', port, timeout: 20 });
        request.setTimeout(0);
        return lab.exchange(request);
      },
    },
    {
      name: 'setTimeout on a request that has its socket already',
      run: async (lab) => {
        const { port } = await lab.http(() => undefined);
        const request = lab.request({ host: 'localhost', port });
        request.on('error', () => undefined);
        request.end();
        await lab.trace.seen('request finish');
        request.setTimeout(30, () => request.destroy());
        await lab.closed(request);
      },
    },
    {
      name: 'a timeout while queued counts from the socket',
      run: async (lab) => {
        const waiting: http.ServerResponse[] = [];
        const { port } = await lab.http((request, response) => {
          if (request.url === '/2') response.end('second');
          else waiting.push(response);
        });
        const agent = lab.agent(new http.Agent({ keepAlive: true, maxSockets: 1 }));
        const first = lab.exchange(lab.request({ host: 'localhost', port, path: '/1', agent }));
        const second = lab.exchange(lab.request({ host: 'localhost', port, path: '/2', agent, timeout: 20 }));
        await lab.calm(60);
        waiting[0]?.end('first');
        return Promise.all([first, second]);
      },
    },
    {
      name: 'a response has a setTimeout of its own',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => {
          response.writeHead(200, { 'content-length': 10 });
          response.write('part');
        });
        const request = lab.request({ host: 'localhost', port });
        request.on('response', (response) => response.setTimeout(30, () => response.destroy()));
        await lab.exchange(request);
      },
    },
    {
      name: 'invalid timeouts throw',
      run: (lab) => {
        const request = http.request({ host: 'localhost', port: lab.closedPort('http') });
        // When a refused connection is given up is told elsewhere.
        request.on('error', () => undefined);
        const thrown = [
          lab.thrown(() => http.request({ host: 'localhost', port: 1, timeout: 'soon' as never })),
          lab.thrown(() => http.request({ host: 'localhost', port: 1, timeout: -1 })),
          lab.thrown(() => request.setTimeout('soon' as never)),
        ];
        request.destroy();
        return thrown;
      },
    },
  ],
};
