import http from 'node:http';
import type { Family } from '../behaviour.ts';

export const informational: Family = {
  name: 'http-informational',
  behaviours: [
    {
      name: 'Expect: 100-continue waits for the server, then sends the body',
      run: async (lab) => {
        const { port } = await lab.http((request, response) =>
          request.resume().on('end', () => response.end('thanks')),
        );
        const request = lab.request({ host: 'localhost', port, method: 'POST', headers: { expect: '100-continue' } });
        request.on('continue', () => request.end('the body'));
        request.flushHeaders();
        const closed = lab.trace.seen('request close');
        request.on('response', (response) => response.resume());
        await closed;
      },
    },
    {
      name: 'Expect: 100-continue with a body that does not wait',
      run: async (lab) => {
        const { port } = await lab.http((request, response) => request.resume().on('end', () => response.end('ok')));
        const headers = { expect: '100-continue', 'content-length': 4 };
        return lab.exchange(lab.request({ host: 'localhost', port, method: 'POST', headers }), 'body');
      },
    },
    {
      name: 'Expect: 100-continue refused with 417 gives a response and no continue',
      run: async (lab) => {
        const server = await lab.http(() => undefined);
        server.server.on('checkContinue', (_request, response: http.ServerResponse) => {
          response.sendDate = false;
          response.writeHead(417, { connection: 'close' }).end();
        });
        const headers = { expect: '100-continue' };
        const request = lab.request({ host: 'localhost', port: server.port, method: 'PUT', headers });
        request.on('response', (response) => response.resume().on('end', () => request.destroy()));
        request.flushHeaders();
        await lab.closed(request);
      },
    },
    {
      name: 'headers with Expect are rendered at once, without Expect when the body begins',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => response.end());
        const request = lab.request({ host: 'localhost', port, method: 'POST', headers: { expect: '100-continue' } });
        const sent = request.headersSent;
        const late = lab.thrown(() => request.setHeader('x-late', '1'));
        const plain = lab.request({ host: 'localhost', port, method: 'POST' });
        const unsent = plain.headersSent;
        await Promise.all([lab.exchange(request, 'a'), lab.exchange(plain, 'b')]);
        return { sent, late, unsent };
      },
    },
    {
      name: '103 Early Hints come as information with their headers',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => {
          response.writeEarlyHints({ link: '</style.css>; rel=preload; as=style', 'x-hint': 'yes' }, () => undefined);
          response.end('page');
        });
        return lab.exchange(lab.request({ host: 'localhost', port }));
      },
    },
    {
      name: '102 Processing several times, then the response',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => {
          response.writeProcessing();
          response.writeProcessing();
          response.end('done');
        });
        return lab.exchange(lab.request({ host: 'localhost', port }));
      },
    },
    {
      name: '100 nobody asked for is told and passed over',
      run: async (lab) => {
        const { port } = await lab.scripted(
          () => 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
        );
        return lab.exchange(lab.request({ host: 'localhost', port }));
      },
    },
    {
      name: 'trailers are there when the body has ended',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => {
          response.writeHead(200, { trailer: 'x-sum' });
          response.write('body');
          response.addTrailers({ 'x-sum': 'abc' });
          response.end();
        });
        const request = lab.request({ host: 'localhost', port });
        let before: unknown;
        let after: unknown;
        request.on('response', (response) => {
          before = { ...response.trailers };
          response.on('end', () => (after = [{ ...response.trailers }, response.rawTrailers, response.complete]));
        });
        await lab.exchange(request);
        return { before, after };
      },
    },
    {
      name: 'trailers of the request reach the server',
      run: async (lab) => {
        const { port } = await lab.http((request, response) =>
          request.resume().on('end', () => response.end(JSON.stringify(request.trailers))),
        );
        const request = lab.request({ host: 'localhost', port, method: 'POST', headers: { trailer: 'x-sum' } });
        request.write('part');
        request.addTrailers({ 'x-sum': '42' });
        return lab.exchange(request);
      },
    },
    {
      name: 'HEAD has headers, a length and no body',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => {
          response.writeHead(200, { 'content-length': 1000, 'x-a': 'b' });
          response.end();
        });
        const agent = lab.agent(new http.Agent({ keepAlive: true }));
        const first = lab.request({ host: 'localhost', port, method: 'HEAD', agent });
        let headers: unknown;
        first.on('response', (response) => (headers = response.rawHeaders));
        const body = await lab.exchange(first);
        await lab.calm(3);
        const second = lab.request({ host: 'localhost', port, method: 'HEAD', agent });
        await lab.exchange(second);
        return { headers, body, reused: second.reusedSocket };
      },
    },
    {
      name: '204 and 304 have no body',
      run: async (lab) => {
        const { port } = await lab.http((request, response) =>
          response.writeHead(Number(request.url?.slice(1)), { etag: '"x"' }).end(),
        );
        const bodies: string[] = [];
        for (const status of [204, 304])
          bodies.push(await lab.exchange(lab.request({ host: 'localhost', port, path: `/${status}` })));
        return bodies;
      },
    },
    {
      name: 'a response listener that never reads holds the socket; without one the body is dumped',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => response.end('x'.repeat(1000)));
        const agent = lab.agent(lab.trace.watch('agent', new http.Agent({ keepAlive: true })));
        const dumped = lab.request({ host: 'localhost', port, agent, path: '/dumped' });
        dumped.end();
        await lab.closed(dumped);
        const held = lab.request({ host: 'localhost', port, agent, path: '/held' }, () => undefined);
        held.end();
        await lab.trace.seen('request2 response');
        await lab.calm(20);
        const sockets = Object.values(agent.sockets).flat().length;
        held.destroy();
        await lab.closed(held);
        return { sockets };
      },
    },
    {
      name: 'response headers: duplicates, case, raw and distinct',
      run: async (lab) => {
        const { port } = await lab.scripted(
          () =>
            'HTTP/1.1 200 Fine\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nX-Many: 1\r\nx-many: 2\r\nAge: 1\r\nAge: 2\r\nContent-Length: 0\r\n\r\n',
        );
        const request = lab.request({ host: 'localhost', port });
        let seen: unknown;
        request.on('response', (response) => {
          const { statusCode, statusMessage, headers, headersDistinct, rawHeaders, httpVersion } = response;
          seen = { statusCode, statusMessage, headers, distinct: { ...headersDistinct }, rawHeaders, httpVersion };
        });
        await lab.exchange(request);
        return seen;
      },
    },
    {
      name: 'checkContinue of several requests on one connection keeps their order',
      run: async (lab) => {
        const server = await lab.http((request, response) =>
          request.resume().on('end', () => response.end(request.url)),
        );
        const agent = lab.agent(new http.Agent({ keepAlive: true, maxSockets: 1 }));
        const requests = ['/1', '/2'].map((path) =>
          lab.request({
            host: 'localhost',
            port: server.port,
            path,
            agent,
            method: 'POST',
            headers: { expect: '100-continue' },
          }),
        );
        return Promise.all(requests.map((request) => lab.exchange(request, request.path)));
      },
    },
  ],
};
