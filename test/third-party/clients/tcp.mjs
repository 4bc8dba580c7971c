/** Clients of other protocols: `call(host, port)` does one small thing and leaves nothing open. */
import http2 from 'node:http2';
import net from 'node:net';
import tls from 'node:tls';

/** Fails with the error that came first; a client that retries is stopped by `close`. */
const quiet = () => undefined;

export const tcpClients = [
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
    server: 'h2c',
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
    server: 'h2c',
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
  {
    name: 'pg',
    server: 'postgres',
    open: async () => {
      const { default: pg } = await import('pg');
      return {
        call: async (host, port) => {
          const client = new pg.Client({ host, port, user: 'u', database: 'd', ssl: false });
          client.on('error', quiet);
          await client.connect();
          await client.query('SELECT 1');
          await client.end();
        },
      };
    },
  },
  {
    name: 'mysql2',
    server: 'mysql',
    open: async () => {
      const { default: mysql } = await import('mysql2/promise');
      return {
        call: async (host, port) => {
          const connection = await mysql.createConnection({ host, port, user: 'u', password: 'p' });
          await connection.ping();
          connection.destroy();
        },
      };
    },
  },
  {
    name: 'ioredis',
    server: 'redis',
    // One for each connection that fails, by whatever cause.
    leavesTimers: true,
    open: async () => {
      const { default: Redis } = await import('ioredis');
      return {
        call: async (host, port) => {
          const client = new Redis({
            host,
            port,
            lazyConnect: true,
            retryStrategy: () => null,
            maxRetriesPerRequest: 0,
          });
          let first;
          client.on('error', (error) => (first ??= error));
          try {
            await client.connect();
            await client.ping();
          } catch (error) {
            throw first ?? error;
          } finally {
            client.disconnect();
          }
        },
      };
    },
  },
  {
    name: 'redis',
    server: 'redis',
    open: async () => {
      const { createClient } = await import('redis');
      return {
        call: async (host, port) => {
          const client = createClient({ socket: { host, port, reconnectStrategy: false }, disableClientInfo: true });
          client.on('error', quiet);
          await client.connect();
          await client.ping();
          client.destroy();
        },
      };
    },
  },
  {
    name: 'nodemailer',
    server: 'smtp',
    open: async () => {
      const { default: nodemailer } = await import('nodemailer');
      return {
        call: async (host, port) => {
          const transport = nodemailer.createTransport({ host, port, ignoreTLS: true });
          try {
            await transport.sendMail({ from: 'a@mesh.test', to: 'b@mesh.test', subject: 's', text: 't' });
          } finally {
            transport.close();
          }
        },
      };
    },
  },
  {
    name: 'mqtt',
    server: 'mqtt',
    open: async () => {
      const { default: mqtt } = await import('mqtt');
      return {
        call: async (host, port) => {
          const client = mqtt.connect({ host, port, protocol: 'mqtt', reconnectPeriod: 0, connectTimeout: 3000 });
          try {
            await new Promise((resolve, reject) => {
              client.once('connect', resolve);
              client.once('error', reject);
            });
          } finally {
            client.end(true);
          }
        },
      };
    },
  },
  // The server is silent for these: to have connected to it is to have been allowed.
  ...silent('mongodb', async () => {
    const { MongoClient } = await import('mongodb');
    return async (host, port) => {
      const client = new MongoClient(`mongodb://${host}:${port}/?directConnection=true`, {
        serverSelectionTimeoutMS: 700,
        connectTimeoutMS: 500,
      });
      try {
        await client.connect();
      } finally {
        await client.close();
      }
    };
  }),
  ...silent('kafkajs', async () => {
    const { default: kafkajs } = await import('kafkajs');
    return async (host, port) => {
      const kafka = new kafkajs.Kafka({
        brokers: [`${host}:${port}`],
        connectionTimeout: 500,
        requestTimeout: 500,
        retry: { retries: 0 },
        logCreator: () => quiet,
      });
      const admin = kafka.admin();
      try {
        await admin.connect();
      } finally {
        await admin.disconnect().catch(quiet);
      }
    };
  }),
  ...silent('amqplib', async () => {
    const { default: amqp } = await import('amqplib');
    return (host, port) => amqp.connect(`amqp://${host}:${port}`, { timeout: 500 });
  }),
  ...silent('ssh2', async () => {
    const { default: ssh2 } = await import('ssh2');
    return (host, port) =>
      new Promise((resolve, reject) => {
        const client = new ssh2.Client();
        client.on('ready', resolve);
        client.on('error', (error) => {
          client.destroy();
          reject(error);
        });
        client.connect({ host, port, username: 'u', password: 'p', readyTimeout: 500 });
      });
  }),
  ...silent('ldapts', async () => {
    const { Client } = await import('ldapts');
    return (host, port) =>
      new Client({ url: `ldap://${host}:${port}`, timeout: 500, connectTimeout: 500 }).bind('cn=u', 'p');
  }),
];

function silent(name, load) {
  return [{ name, server: 'silent', connectOnly: true, open: async () => ({ call: await load() }) }];
}
