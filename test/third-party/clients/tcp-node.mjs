/** Node's own sockets and sessions, and gRPC upon them. */
import http2 from 'node:http2';
import net from 'node:net';
import tls from 'node:tls';

const quiet = () => undefined;

export const nodeClients = [
  {
    name: 'net',
    server: 'redis',
    open: async () => ({
      call: (host, port) =>
        new Promise((resolve, reject) => {
          const socket = net.connect({ host, port }, () => socket.write('*1\r\n$4\r\nPING\r\n'));
          socket.once('data', (data) => resolve(socket.destroy(), data));
          socket.once('error', reject);
        }),
    }),
  },
  {
    name: 'tls',
    server: 'https',
    protocol: 'HTTPS',
    host: 'api.mesh.test',
    open: async () => ({
      call: (host, port) =>
        new Promise((resolve, reject) => {
          const socket = tls.connect({ host, port, servername: host }, () => resolve(socket.destroy()));
          socket.once('error', reject);
        }),
    }),
  },
  {
    name: 'http2',
    server: 'grpc',
    protocol: 'GRPC',
    host: 'grpc.mesh.test',
    layer: 'http2 stream',
    open: async () => ({
      call: (host, port) =>
        new Promise((resolve, reject) => {
          const session = http2.connect(`http://${host}:${port}`);
          const end = (settle) => (value) => {
            session.destroy();
            settle(value);
          };
          session.on('error', quiet);
          const stream = session.request({ ':path': '/echo.Echo/Say', ':method': 'POST' });
          stream.on('response', end(resolve));
          stream.on('error', end(reject));
          stream.end('hello');
        }),
    }),
  },
  {
    name: '@grpc/grpc-js',
    server: 'grpc',
    protocol: 'GRPC',
    host: 'grpc.mesh.test',
    layer: 'http2 stream',
    open: async () => {
      const { default: grpc } = await import('@grpc/grpc-js');
      const same = (bytes) => bytes;
      const method = (name) => ({
        path: `/echo.Echo/${name}`,
        requestStream: false,
        responseStream: false,
        requestSerialize: same,
        requestDeserialize: same,
        responseSerialize: same,
        responseDeserialize: same,
      });
      const Client = grpc.makeGenericClientConstructor({ Say: method('Say'), Slow: method('Slow') }, 'echo.Echo');
      const ask = (name) => (host, port) =>
        new Promise((resolve, reject) => {
          const client = new Client(`${host}:${port}`, grpc.credentials.createInsecure());
          client[name](Buffer.from('hello'), (error, answer) => {
            client.close();
            if (error) reject(error);
            else resolve(answer);
          });
        });
      return { call: ask('Say'), slow: ask('Slow') };
    },
  },
];
