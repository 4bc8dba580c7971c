import http from 'node:http';
import net from 'node:net';
import type { Family } from '../behaviour.ts';

const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
const UPGRADE = { connection: 'Upgrade', upgrade: 'websocket' };

export const upgrade: Family = {
  name: 'http-upgrade-connect',
  behaviours: [
    {
      name: 'an upgrade hands over the socket and what came behind the head',
      run: async (lab) => {
        const { port } = await lab.scripted((_request, _index, socket) => {
          socket.on('data', (chunk) => void (String(chunk) === 'bye' && socket.end('good bye')));
          return `${SWITCHING}early`;
        });
        const request = lab.request({ host: 'localhost', port, headers: UPGRADE });
        const text = await new Promise<string>((resolve) => {
          request.on('upgrade', (response, socket: net.Socket, head) => {
            lab.trace.note('upgraded', response.statusCode, head, socket.readyState, request.destroyed);
            let heard = String(head);
            socket.on('data', (chunk) => (heard += String(chunk)));
            socket.on('close', () => resolve(heard));
            socket.write('bye');
          });
          request.end();
        });
        return { text, upgraded: (request as { upgradeOrConnect?: boolean }).upgradeOrConnect };
      },
    },
    {
      name: 'an upgrade nobody listens to destroys the socket',
      run: async (lab) => {
        const { port } = await lab.scripted(() => SWITCHING);
        const request = lab.request({ host: 'localhost', port, headers: UPGRADE });
        request.on('error', () => undefined);
        request.end();
        await lab.closed(request);
      },
    },
    {
      name: 'an upgrade that is refused is an ordinary response',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => response.writeHead(426).end('no'));
        const request = lab.request({ host: 'localhost', port, headers: UPGRADE });
        request.on('upgrade', () => lab.trace.note('upgraded'));
        return lab.exchange(request);
      },
    },
    {
      name: 'an upgraded socket leaves the pool of its agent',
      run: async (lab) => {
        const { port } = await lab.scripted(() => SWITCHING);
        const agent = lab.agent(lab.trace.watch('agent', new http.Agent({ keepAlive: true, maxSockets: 1 })));
        const request = lab.request({ host: 'localhost', port, headers: UPGRADE, agent });
        request.end();
        const counts = await new Promise((resolve) => {
          request.on('upgrade', (_response, socket: net.Socket) => {
            const left = Object.keys(agent.sockets).length;
            socket.destroy();
            resolve({ left });
          });
        });
        await lab.calm();
        return counts;
      },
    },
    {
      name: 'listeners of an upgraded socket are gone',
      run: async (lab) => {
        const { port } = await lab.scripted(() => SWITCHING);
        const request = lab.request({ host: 'localhost', port, headers: UPGRADE, agent: false });
        request.end();
        return new Promise((resolve) => {
          request.on('upgrade', (_response, socket: net.Socket) => {
            resolve(socket.eventNames().map((event) => [String(event), socket.listenerCount(event)]));
            socket.destroy();
          });
        });
      },
    },
    {
      name: 'CONNECT opens a tunnel',
      run: async (lab) => {
        const server = await lab.http(() => undefined, { carried: 'tcp' });
        server.server.on('connect', (request: http.IncomingMessage, socket: net.Socket, head: Buffer) => {
          socket.write(`HTTP/1.1 200 Connection established\r\n\r\n${request.url} ${head.length}`);
          socket.on('data', (chunk: Buffer) => socket.write(`echo ${chunk.toString()}`));
          socket.on('end', () => socket.end());
        });
        const request = lab.request({
          host: 'localhost',
          port: server.port,
          method: 'CONNECT',
          path: 'tunnelled.behaviour.test:443',
        });
        request.end();
        return new Promise((resolve) => {
          request.on('connect', (response, socket: net.Socket, head) => {
            lab.trace.note('tunnel', response.statusCode, head.length > 0);
            let heard = String(head);
            socket.on('data', (chunk) => {
              heard += String(chunk);
              if (heard.includes('echo')) socket.end();
            });
            socket.on('close', () => resolve(heard));
            socket.resume();
            socket.write('through');
          });
        });
      },
    },
    {
      name: 'CONNECT refused with 407 still comes as connect',
      run: async (lab) => {
        const { port } = await lab.scripted(
          (_request, _index, socket) => {
            socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n');
            return undefined;
          },
          { carried: 'tcp' },
        );
        const request = lab.request({
          host: 'localhost',
          port,
          method: 'CONNECT',
          path: 'tunnelled.behaviour.test:443',
        });
        request.on('connect', (response, socket: net.Socket) => {
          lab.trace.note('status', response.statusCode);
          socket.resume();
        });
        request.end();
        await lab.closed(request);
        await lab.calm();
      },
    },
    {
      name: 'CONNECT nobody listens to closes the connection',
      run: async (lab) => {
        const { port } = await lab.scripted(() => 'HTTP/1.1 200 OK\r\n\r\n', { carried: 'tcp' });
        const request = lab.request({
          host: 'localhost',
          port,
          method: 'CONNECT',
          path: 'tunnelled.behaviour.test:443',
        });
        request.on('error', () => undefined);
        request.end();
        await lab.closed(request);
      },
    },
    {
      name: 'a request over a tunnel by createConnection',
      run: async (lab) => {
        const target = await lab.http((_request, response) => response.end('from afar'));
        const proxy = await lab.http(() => undefined, { carried: 'tcp' });
        proxy.server.on('connect', (_request, socket: net.Socket) => {
          const upstream = net.connect(target.port, '127.0.0.1', () => {
            socket.write('HTTP/1.1 200 OK\r\n\r\n');
            socket.pipe(upstream).pipe(socket);
          });
          for (const end of [socket, upstream]) end.on('error', () => undefined);
        });
        const connect = lab.request({
          host: 'localhost',
          port: proxy.port,
          method: 'CONNECT',
          path: `localhost:${target.port}`,
          agent: false,
        });
        connect.end();
        const tunnel = await new Promise<net.Socket>((resolve) =>
          connect.on('connect', (_response, socket: net.Socket) => resolve(socket)),
        );
        const request = lab.request({
          host: 'localhost',
          port: target.port,
          createConnection: () => {
            tunnel.resume();
            return tunnel;
          },
        });
        return lab.exchange(request);
      },
    },
    {
      name: 'bytes behind the head of a response that ends are a parse error or ignored',
      run: async (lab) => {
        const { port } = await lab.scripted(
          () => 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad',
        );
        const agent = lab.agent(new http.Agent({ keepAlive: true }));
        const request = lab.request({ host: 'localhost', port, agent });
        const body = await lab.exchange(request);
        await lab.calm(20);
        return { body, free: Object.keys(agent.freeSockets).length };
      },
    },
  ],
};
