import { EventEmitter } from 'node:events';
import http from 'node:http';
import type { Family } from '../behaviour.ts';
import type { Lab } from '../lab.ts';

/** A response that a raw server breaks off, or spoils. */
function spoilt(name: string, text: string, then: 'end' | 'reset' | 'keep' = 'end') {
  return {
    name,
    run: async (lab: Lab) => {
      const { port } = await lab.scripted((_request, _index, socket) => {
        if (then === 'end') socket.end(text, 'latin1');
        else
          socket.write(text, 'latin1', () => void (then === 'reset' && setTimeout(() => socket.resetAndDestroy(), 10)));
        return undefined;
      });
      const request = lab.request({ host: 'localhost', port, agent: false });
      let complete: boolean | undefined;
      request.on('response', (response) => response.on('close', () => (complete = response.complete)));
      const body = await lab.exchange(request);
      return { body, complete };
    },
  };
}

export const errors: Family = {
  name: 'http-errors',
  behaviours: [
    {
      name: 'ECONNREFUSED at an address',
      run: async (lab) => {
        await lab.exchange(lab.request({ host: '127.0.0.1', port: lab.closedPort('http') }));
      },
    },
    {
      name: 'ECONNREFUSED at localhost, by the system’s own lookup',
      run: async (lab) => {
        await lab.exchange(lab.request({ host: 'localhost', port: lab.closedPort('http') }));
      },
    },
    {
      name: 'ECONNREFUSED at all addresses of a name',
      run: async (lab) => {
        const port = lab.closedPort('http');
        const lookup = lab.lookup('127.0.0.1', '127.0.0.2');
        await lab.exchange(lab.request({ host: 'api.behaviour.test', port, lookup }));
      },
    },
    {
      name: 'ECONNREFUSED at all addresses of both families',
      run: async (lab) => {
        const port = lab.closedPort('tcp');
        const lookup = lab.lookup('::1', '127.0.0.1');
        await lab.exchange(lab.request({ host: 'api.behaviour.test', port, lookup }));
      },
    },
    {
      name: 'ECONNREFUSED of a POST with a body that is being written',
      run: async (lab) => {
        const request = lab.request({ host: '127.0.0.1', port: lab.closedPort('http'), method: 'POST' });
        request.write('a', (error) => lab.trace.note('written', error));
        await lab.exchange(request, 'b');
        return { finished: request.writableFinished, ended: request.writableEnded };
      },
    },
    {
      name: 'a refused connection nobody listens to is an uncaught exception',
      run: async (lab) => {
        const request = lab.request({ host: '127.0.0.1', port: lab.closedPort('http') });
        request.end();
        await lab.closed(request);
      },
    },
    {
      name: 'a name that does not resolve, by the system’s own lookup',
      run: async (lab) => {
        await lab.exchange(lab.request({ host: 'nowhere.behaviour.test', port: lab.closedPort('http') }));
      },
    },
    {
      name: 'a lookup that fails in its own way',
      run: async (lab) => {
        const failure = Object.assign(new Error('queryA ETIMEOUT api.behaviour.test'), {
          code: 'ETIMEOUT',
          hostname: 'x',
        });
        const lookup = ((_host: string, _options: object, callback: (error: Error) => void) =>
          setImmediate(callback, failure)) as never;
        const request = lab.request({ host: 'api.behaviour.test', port: lab.closedPort('http'), lookup });
        let same = false;
        request.on('error', (error) => (same = error === failure));
        await lab.exchange(request);
        return { same };
      },
    },
    {
      name: 'a lookup that answers at once',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => response.end('ok'));
        const lookup = ((_host: string, options: { all?: boolean }, callback: (...args: unknown[]) => void) =>
          options.all
            ? callback(null, [{ address: '127.0.0.1', family: 4 }])
            : callback(null, '127.0.0.1', 4)) as never;
        return lab.exchange(lab.request({ host: 'api.behaviour.test', port, lookup }));
      },
    },
    {
      name: 'a lookup that answers nothing, or no address',
      run: async (lab) => {
        const port = lab.closedPort('http');
        for (const answer of [[], [{ address: 'no address', family: 4 }], [{ address: '127.0.0.1', family: 5 }]]) {
          const lookup = ((_host: string, options: { all?: boolean }, callback: (...args: unknown[]) => void) =>
            setImmediate(() =>
              options.all ? callback(null, answer) : callback(null, answer[0]?.address, answer[0]?.family),
            )) as never;
          await lab.exchange(lab.request({ host: 'api.behaviour.test', port, lookup }));
        }
      },
    },
    spoilt('the server closes before it answers', ''),
    spoilt('the server resets before it answers', '', 'reset'),
    spoilt('the server closes in the middle of the head', 'HTTP/1.1 200 OK\r\nContent-Le'),
    spoilt('the server closes in the middle of the body', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart'),
    spoilt(
      'the server resets in the middle of the body',
      'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart',
      'reset',
    ),
    spoilt(
      'the server closes in the middle of a chunk',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab',
    ),
    spoilt(
      'the server closes without the last chunk',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n',
    ),
    spoilt('what comes is no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n', 'keep'),
    spoilt('an invalid status', 'HTTP/1.1 9 Nine\r\n\r\n', 'keep'),
    spoilt('an invalid header', 'HTTP/1.1 200 OK\r\nBad Header: 1\r\nContent-Length: 0\r\n\r\n', 'keep'),
    spoilt(
      'content-length and transfer-encoding at once',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      'keep',
    ),
    spoilt('an invalid chunk size', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', 'keep'),
    spoilt('a head that is too large', `HTTP/1.1 200 OK\r\nX-Large: ${'x'.repeat(20_000)}\r\n\r\n`, 'keep'),
    {
      name: 'the server answers early and resets a large body',
      run: async (lab) => {
        const { port } = await lab.raw((socket) => {
          socket.once('data', () => {
            socket.pause();
            socket.end('HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig');
          });
        });
        const request = lab.request({ host: 'localhost', port, method: 'POST', headers: { 'content-length': 10 } });
        request.on('error', () => undefined);
        let status: unknown;
        request.on('response', (response) => {
          status = response.statusCode;
          response.resume();
        });
        request.write('12345');
        await lab.closed(request);
        return { status, finished: request.writableFinished };
      },
    },
    {
      name: 'invalid arguments throw at once, with their codes',
      run: (lab) => {
        const port = lab.closedPort('http');
        return [
          lab.thrown(() => http.request({ host: 'localhost', port, path: '/with space' })),
          lab.thrown(() => http.request({ host: 'localhost', port, path: '/\n' })),
          lab.thrown(() => http.request({ host: 'localhost', port, method: 'GET ' })),
          lab.thrown(() => http.request({ host: 'localhost', port, method: 5 as never })),
          lab.thrown(() => http.request({ host: {} as never, port })),
          lab.thrown(() => http.request({ hostname: 5 as never, port })),
          lab.thrown(() => http.request('no url')),
          lab.thrown(() => http.request({ host: 'localhost', port, headers: { 'bad name': 'x' } })),
          lab.thrown(() => http.request({ host: 'localhost', port, headers: { ok: 'bad\u0000' } })),
          lab.thrown(() => http.request({ host: 'localhost', port, headers: { ok: undefined } as never })),
          lab.thrown(() => http.request({ host: 'localhost', port, insecureHTTPParser: 'yes' as never })),
          lab.thrown(() => http.request({ host: 'localhost', port, maxHeaderSize: 'x' as never })),
          lab.thrown(() => http.request({ host: 'localhost', port, family: 7 })),
          lab.thrown(() => http.request({ host: 'localhost', port, localAddress: 'x' })),
          lab.thrown(() => http.request({ host: 'localhost', port, lookup: 'x' as never })),
        ];
      },
    },
    {
      name: 'invalid ports throw at once',
      run: (lab) =>
        [-1, 65_536, 'http', 1.5, true, '0x50g', ' '].map((port) =>
          lab.thrown(() => http.request({ host: '127.0.0.1', port: port as never })),
        ),
    },
    {
      name: 'ports as text and in hexadecimal',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => response.end('ok'));
        const bodies: string[] = [];
        lab.mask(`0x${port.toString(16)}`, '<port in hexadecimal>');
        for (const written of [String(port), `0x${port.toString(16)}`])
          bodies.push(await lab.exchange(lab.request({ host: '127.0.0.1', port: written })));
        return bodies;
      },
    },
    {
      name: 'headers that are sent cannot be changed',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => response.end('ok'));
        const request = lab.request({ host: 'localhost', port, method: 'POST' });
        request.setHeader('x-a', '1');
        const before = [
          request.getHeaders(),
          request.getHeaderNames(),
          request.getRawHeaderNames(),
          request.hasHeader('host'),
        ];
        request.flushHeaders();
        const after = [
          lab.thrown(() => request.setHeader('x-b', '2')),
          lab.thrown(() => request.removeHeader('x-a')),
          lab.thrown(() => request.appendHeader('x-a', '3')),
          request.getHeader('x-a'),
          request.headersSent,
        ];
        await lab.exchange(request);
        return { before, after };
      },
    },
    {
      name: 'write after end',
      run: async (lab) => {
        const { port } = await lab.http((request, response) => request.resume().on('end', () => response.end('ok')));
        const request = lab.request({ host: 'localhost', port, method: 'POST' });
        request.on('error', () => undefined);
        request.end('a');
        const wrote = request.write('b', (error) => lab.trace.note('callback', error));
        await lab.closed(request);
        return { wrote };
      },
    },
    {
      name: 'more or fewer bytes than content-length, with strictContentLength',
      run: async (lab) => {
        const { port } = await lab.http((request, response) => request.resume().on('end', () => response.end('ok')));
        const make = () => {
          const request = lab.request({ host: 'localhost', port, method: 'POST', headers: { 'content-length': 3 } });
          (request as { strictContentLength?: boolean }).strictContentLength = true;
          request.on('error', () => undefined);
          return request;
        };
        const more = make();
        const tooMuch = lab.thrown(() => more.end('12345'));
        more.destroy();
        const fewer = make();
        const tooLittle = lab.thrown(() => fewer.end('1'));
        fewer.destroy();
        await lab.calm();
        return { tooMuch, tooLittle };
      },
    },
    {
      name: 'null, and things that are no chunk, cannot be written',
      run: async (lab) => {
        const { port } = await lab.http((request, response) => request.resume().on('end', () => response.end('ok')));
        const request = lab.request({ host: 'localhost', port, method: 'POST' });
        const results = [null, 5, {}, undefined].map((chunk) => lab.thrown(() => request.write(chunk)));
        await lab.exchange(request);
        return results;
      },
    },
    {
      name: 'connect to a unix socket that is not there',
      run: async (lab) => {
        await lab.exchange(lab.request({ socketPath: lab.socketPath('absent'), path: '/' }));
      },
    },
    {
      name: 'a local address that is not here',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => response.end('ok'));
        await lab.exchange(lab.request({ host: '127.0.0.1', port, localAddress: '192.0.2.1', agent: false }));
      },
    },
    {
      name: 'an error thrown by a listener is uncaught, and the socket goes',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => response.end('ok'));
        const request = lab.request({ host: 'localhost', port, agent: false });
        request.on('response', (response) => {
          response.resume();
          throw new Error('thrown by a listener');
        });
        request.on('error', () => undefined);
        request.end();
        await lab.closed(request);
      },
    },
    {
      name: 'captureRejections turns a rejected listener into an error of the request',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => response.end('ok'));
        EventEmitter.captureRejections = true;
        try {
          const request = lab.request({ host: 'localhost', port, agent: false });
          request.on('error', () => undefined);
          const rejecting = (response: http.IncomingMessage): Promise<never> => {
            response.resume();
            return Promise.reject(new Error('rejected'));
          };
          request.on('response', rejecting as never);
          request.end();
          await lab.closed(request);
        } finally {
          EventEmitter.captureRejections = false;
        }
      },
    },
  ],
};
