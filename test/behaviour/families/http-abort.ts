import { getEventListeners } from 'node:events';
import http from 'node:http';
import type { Family } from '../behaviour.ts';
import { inner } from '../trace.ts';

/** What a request says of itself when it is over. */
function state(request: http.ClientRequest): object {
  const { destroyed, aborted, reusedSocket, writableFinished, writableEnded } = request;
  return { destroyed, aborted, reusedSocket, writableFinished, writableEnded, res: inner(request)['res'] !== null };
}

export const abort: Family = {
  name: 'http-abort',
  behaviours: [
    {
      name: 'destroy before there is a socket',
      run: async (lab) => {
        const server = await lab.http((_request, response) => response.end());
        const request = lab.request({ host: 'localhost', port: server.port });
        request.on('error', () => undefined);
        request.end();
        request.destroy();
        await lab.closed(request);
        await lab.calm();
        return { ...state(request), connections: server.heard.length };
      },
    },
    {
      name: 'destroy with an error of its own',
      run: async (lab) => {
        const { port } = await lab.http(() => undefined);
        const request = lab.request({ host: 'localhost', port });
        request.on('error', () => undefined);
        request.on('socket', (socket) => socket.on('connect', () => request.destroy(new Error('mine'))));
        request.end();
        await lab.closed(request);
        return state(request);
      },
    },
    {
      name: 'abort() emits abort, and ECONNRESET socket hang up',
      run: async (lab) => {
        const { port } = await lab.http(() => undefined);
        const request = lab.request({ host: 'localhost', port });
        request.on('error', () => undefined);
        request.end();
        await lab.trace.seen('request finish');
        request.abort();
        await lab.closed(request);
        return state(request);
      },
    },
    {
      name: 'a signal that is aborted already',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => response.end());
        const request = lab.request({ host: 'localhost', port, signal: AbortSignal.abort() });
        request.on('error', () => undefined);
        request.end();
        await lab.closed(request);
        await lab.calm();
        return state(request);
      },
    },
    {
      name: 'a signal with a reason, aborted while connecting',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => response.end());
        const controller = new AbortController();
        const request = lab.request({ host: 'localhost', port, signal: controller.signal });
        request.on('error', () => undefined);
        request.end();
        await lab.trace.seen('request socket');
        controller.abort(new Error('the reason'));
        await lab.closed(request);
        await lab.calm();
        return state(request);
      },
    },
    {
      name: 'a signal aborted while waiting for the response',
      run: async (lab) => {
        const controller = new AbortController();
        const { port } = await lab.http(() => controller.abort());
        const agent = lab.agent(lab.trace.watch('agent', new http.Agent({ keepAlive: true })));
        const request = lab.request({ host: 'localhost', port, agent, signal: controller.signal });
        request.on('error', () => undefined);
        request.end();
        await lab.closed(request);
        await lab.calm();
        return { ...state(request), left: Object.keys(agent.sockets).length };
      },
    },
    {
      name: 'a signal aborted in the middle of the body',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => {
          response.writeHead(200, { 'content-length': 100 });
          response.write('first part');
        });
        const controller = new AbortController();
        const request = lab.request({ host: 'localhost', port, signal: controller.signal });
        request.on('error', () => undefined);
        request.on('response', (response) => {
          response.on('error', () => undefined);
          response.on('data', () => controller.abort());
        });
        request.end();
        await lab.closed(request);
        await lab.calm();
        return state(request);
      },
    },
    {
      name: 'a signal aborted after the end changes nothing',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => response.end('ok'));
        const controller = new AbortController();
        const request = lab.request({ host: 'localhost', port, signal: controller.signal });
        const body = await lab.exchange(request);
        controller.abort();
        await lab.calm();
        return { body, ...state(request) };
      },
    },
    {
      name: 'a signal aborted while queued in the agent',
      run: async (lab) => {
        const waiting: http.ServerResponse[] = [];
        const server = await lab.http((_request, response) => waiting.push(response));
        const agent = lab.agent(lab.trace.watch('agent', new http.Agent({ keepAlive: true, maxSockets: 1 })));
        const first = lab.request({ host: 'localhost', port: server.port, agent, path: '/first' });
        const over = lab.exchange(first);
        const controller = new AbortController();
        const second = lab.request({
          host: 'localhost',
          port: server.port,
          agent,
          path: '/second',
          signal: controller.signal,
        });
        second.on('error', () => undefined);
        second.end();
        await lab.trace.seen('request finish');
        controller.abort();
        lab.trace.note('aborted');
        await lab.calm();
        waiting[0]?.end('ok');
        await over;
        await lab.calm();
        return { ...state(second), queued: Object.keys(agent.requests) };
      },
    },
    {
      name: 'destroying the response in the middle of its body',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => {
          response.writeHead(200, { 'content-length': 100 });
          response.write('first part');
        });
        const request = lab.request({ host: 'localhost', port });
        request.on('error', () => undefined);
        request.on('response', (response) => {
          response.on('error', () => undefined);
          response.once('data', () => response.destroy(new Error('enough')));
        });
        request.end();
        await lab.closed(request);
        await lab.calm();
        return state(request);
      },
    },
    {
      name: 'destroying the response without an error',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => {
          response.writeHead(200);
          response.write('first part');
        });
        const request = lab.request({ host: 'localhost', port });
        request.on('error', () => undefined);
        request.on('response', (response) => {
          response.on('error', () => undefined);
          response.once('data', () => response.destroy());
        });
        request.end();
        await lab.closed(request);
        await lab.calm();
      },
    },
    {
      name: 'destroying the socket under the request',
      run: async (lab) => {
        const { port } = await lab.http((request) => request.on('error', () => undefined));
        const request = lab.request({ host: 'localhost', port });
        request.on('error', () => undefined);
        request.end();
        await lab.trace.seen('request finish');
        request.socket?.destroy();
        await lab.closed(request);
      },
    },
    {
      name: 'destroying the socket under the request with an error',
      run: async (lab) => {
        const { port } = await lab.http((request) => request.on('error', () => undefined));
        const request = lab.request({ host: 'localhost', port });
        request.on('error', () => undefined);
        request.end();
        await lab.trace.seen('request finish');
        request.socket?.destroy(new Error('socket error'));
        await lab.closed(request);
      },
    },
    {
      name: 'writing after destroy',
      run: async (lab) => {
        const { port } = await lab.http((request) => request.on('error', () => undefined));
        const request = lab.request({ host: 'localhost', port, method: 'POST' });
        request.on('error', () => undefined);
        request.write('a');
        await lab.trace.seen('socket connect');
        request.destroy();
        const wrote = request.write('b', (error) => lab.trace.note('callback', error));
        await lab.calm();
        return { wrote, ...state(request) };
      },
    },
    {
      name: 'destroy twice is one close',
      run: async (lab) => {
        const { port } = await lab.http(() => undefined);
        const request = lab.request({ host: 'localhost', port });
        request.on('error', () => undefined);
        request.end();
        await lab.trace.seen('request finish');
        const same = request.destroy(new Error('one')) === request && request.destroy(new Error('two')) === request;
        await lab.closed(request);
        await lab.calm();
        return { same };
      },
    },
    {
      name: 'a signal of AbortSignal.timeout',
      run: async (lab) => {
        const { port } = await lab.http(() => undefined);
        const request = lab.request({ host: 'localhost', port, signal: AbortSignal.timeout(30) });
        request.on('error', () => undefined);
        request.end();
        await lab.closed(request);
      },
    },
    {
      name: 'a signal that is none',
      run: (lab) => ({
        object: lab.thrown(() => http.request({ host: 'localhost', port: 1, signal: {} as AbortSignal })),
        text: lab.thrown(() => http.request({ host: 'localhost', port: 1, signal: 'now' as never })),
      }),
    },
    {
      name: 'listeners on the signal are taken away with the request',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => response.end('ok'));
        const controller = new AbortController();
        const request = lab.request({ host: 'localhost', port, signal: controller.signal });
        const before = getEventListeners(controller.signal, 'abort').length;
        await lab.exchange(request);
        await lab.calm();
        return { before, after: getEventListeners(controller.signal, 'abort').length };
      },
    },
  ],
};
