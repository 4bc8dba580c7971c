import type http from 'node:http';
import type { Socket } from 'node:net';
import { pipeline, Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { Family } from '../behaviour.ts';
import { inner } from '../trace.ts';

const LARGE = 3_000_000;

export const streaming: Family = {
  name: 'http-streaming',
  behaviours: [
    {
      name: 'a small body is sent with its length, parts are sent in chunks',
      run: async (lab) => {
        const { port } = await lab.http((request, response) => request.resume().on('end', () => response.end('ok')));
        const whole = await lab.exchange(
          lab.request({ host: 'localhost', port, method: 'POST', path: '/whole' }),
          'abc',
        );
        const request = lab.request({ host: 'localhost', port, method: 'POST', path: '/parts' });
        request.write('one');
        request.write(Buffer.from('two'));
        request.write(new Uint8Array([33, 34]));
        request.write('dGhyZWU=', 'base64');
        return [whole, await lab.exchange(request, 'end')];
      },
    },
    {
      name: 'write returns false beyond the mark, and drain comes once the server reads',
      run: async (lab) => {
        let socket: Socket | undefined;
        const server = await lab.raw((accepted) => {
          accepted.pause();
          socket = accepted;
        });
        const request = lab.request({ host: '127.0.0.1', port: server.port, method: 'POST', agent: false });
        request.on('error', () => undefined);
        await lab.trace.seen('socket connect');
        const wrote = request.write(Buffer.alloc(LARGE));
        const marks = { need: request.writableNeedDrain, high: request.writableHighWaterMark > 0 };
        const drained = lab.trace.seen('request drain');
        setTimeout(() => socket?.resume(), 10);
        await drained;
        const after = { need: request.writableNeedDrain, length: request.writableLength };
        request.destroy();
        await lab.closed(request);
        // How much of it arrived before the end is a matter of luck.
        server.heard.length = 0;
        return { wrote, marks, after };
      },
    },
    {
      name: 'callbacks of write and end come in order',
      run: async (lab) => {
        const { port } = await lab.http((request, response) => request.resume().on('end', () => response.end('ok')));
        const request = lab.request({ host: 'localhost', port, method: 'POST' });
        request.write('a', () => lab.trace.note('wrote a'));
        request.write('b', 'utf8', () => lab.trace.note('wrote b'));
        request.end('c', () => lab.trace.note('ended'));
        await lab.exchange(request);
      },
    },
    {
      name: 'cork and uncork gather writes',
      run: async (lab) => {
        const { port } = await lab.http((request, response) => request.resume().on('end', () => response.end('ok')));
        const request = lab.request({ host: 'localhost', port, method: 'POST', headers: { 'content-length': 4 } });
        request.cork();
        request.write('ab');
        request.write('cd');
        const corked = request.writableCorked;
        request.uncork();
        await lab.exchange(request);
        return { corked, left: request.writableCorked };
      },
    },
    {
      name: 'a readable is piped into a request',
      run: async (lab) => {
        let length = 0;
        const { port } = await lab.raw((socket) => {
          socket.on('data', (chunk) => {
            length += chunk.length;
            if (String(chunk).endsWith('0\r\n\r\n')) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
          });
        });
        const request = lab.request({ host: '127.0.0.1', port, method: 'PUT', agent: false });
        const chunk = Buffer.alloc(10_000, 'x');
        pipeline(Readable.from([chunk, chunk, chunk]), request, (error) => lab.trace.note('pipeline', error));
        request.on('response', (response) => response.resume());
        await lab.closed(request);
        return { sent: length > 30_000 };
      },
    },
    {
      name: 'a source that fails destroys the request',
      run: async (lab) => {
        const { port } = await lab.http((request) => request.on('error', () => undefined));
        const request = lab.request({ host: '127.0.0.1', port, method: 'PUT', agent: false });
        const source = new Readable({ read: () => undefined });
        source.push('part');
        setTimeout(() => source.destroy(new Error('source broke')), 30);
        pipeline(source, request, (error) => lab.trace.note('pipeline', error));
        request.on('error', () => undefined);
        await lab.closed(request);
      },
    },
    {
      name: 'a response is paused and resumed, and holds the server back',
      run: async (lab) => {
        let flowed = 0;
        let blocked = false;
        const { port } = await lab.raw((socket) => {
          socket.once('data', () => {
            socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${4 * LARGE}\r\n\r\n`);
            for (let part = 0; part < 4; part++) blocked = !socket.write(Buffer.alloc(LARGE));
          });
        });
        const request = lab.request({ host: '127.0.0.1', port, agent: false });
        const total = await new Promise((resolve) => {
          request.on('response', (response) => {
            response.once('data', () => response.pause());
            response.on('data', (chunk: Buffer) => (flowed += chunk.length));
            setTimeout(() => {
              lab.trace.note('resuming', flowed < 4 * LARGE, blocked, response.isPaused());
              response.resume();
            }, 40);
            response.on('end', () => resolve(flowed));
          });
          request.end();
        });
        await lab.closed(request);
        return { total };
      },
    },
    {
      name: 'a response is read by async iteration',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => {
          response.write('one ');
          setTimeout(() => response.end('two'), 10);
        });
        const request = lab.request({ host: 'localhost', port, agent: false });
        request.end();
        const response = await new Promise<http.IncomingMessage>((resolve) => request.on('response', resolve));
        let text = '';
        for await (const chunk of response) text += String(chunk);
        return text;
      },
    },
    {
      name: 'breaking off an async iteration destroys the response',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => {
          response.write('one');
          setTimeout(() => response.write('two'), 10);
        });
        const request = lab.request({ host: 'localhost', port, agent: false });
        request.on('error', () => undefined);
        request.end();
        const response = await new Promise<http.IncomingMessage>((resolve) => request.on('response', resolve));
        const closed = lab.closed(request);
        for await (const chunk of response) {
          lab.trace.note('chunk', chunk);
          break;
        }
        await closed;
        return { destroyed: response.destroyed, aborted: inner(response)['aborted'] };
      },
    },
    {
      name: 'finished() of request and response',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => response.end('ok'));
        const request = lab.request({ host: 'localhost', port, agent: false });
        const over = finished(request).then(() => lab.trace.note('request finished'));
        request.on('response', (response) => {
          response.resume();
          void finished(response).then(() => lab.trace.note('response finished'));
        });
        request.end();
        await over;
      },
    },
    {
      name: 'setEncoding splits no character',
      run: async (lab) => {
        const { port } = await lab.raw((socket) => {
          socket.once('data', () => {
            socket.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n');
            socket.write(Buffer.from('€€').subarray(0, 4));
            setTimeout(() => socket.write(Buffer.from('€€').subarray(4)), 20);
          });
        });
        return lab.exchange(lab.request({ host: 'localhost', port, agent: false }));
      },
    },
    {
      name: 'the body of a GET and of a DELETE',
      run: async (lab) => {
        const { port } = await lab.http((request, response) => request.resume().on('end', () => response.end('ok')));
        for (const method of ['GET', 'DELETE', 'PATCH'])
          await lab.exchange(lab.request({ host: 'localhost', port, method }), `body of ${method}`);
        for (const method of ['POST', 'PUT', 'OPTIONS'])
          await lab.exchange(lab.request({ host: 'localhost', port, method }));
      },
    },
    {
      name: 'useChunkedEncodingByDefault, and transfer-encoding asked for',
      run: async (lab) => {
        const { port } = await lab.http((request, response) => request.resume().on('end', () => response.end('ok')));
        const first = lab.request({
          host: 'localhost',
          port,
          method: 'POST',
          headers: { 'transfer-encoding': 'chunked' },
        });
        await lab.exchange(first, 'abc');
        const second = lab.request({
          host: 'localhost',
          port,
          method: 'GET',
          headers: { 'transfer-encoding': 'chunked' },
        });
        await lab.exchange(second, 'def');
        return [first, second].map((request) => request.useChunkedEncodingByDefault);
      },
    },
    {
      name: 'bytesRead and bytesWritten of the socket',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => response.end('12345'));
        const request = lab.request({ host: '127.0.0.1', port, agent: false });
        let bytes: unknown;
        request.on('response', (response) => {
          const { socket } = response;
          response.on('end', () => (bytes = [socket.bytesRead, socket.bytesWritten - String(port).length]));
        });
        await lab.exchange(request);
        return bytes;
      },
    },
  ],
};
