/** Node's own sockets. */
import net from 'node:net';
import tls from 'node:tls';

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
];
