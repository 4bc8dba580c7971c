/** Databases: a row or a value goes there and comes back. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

const quiet = () => undefined;

function pg(name, server, more) {
  return {
    name,
    server,
    open: async () => {
      const { default: pg } = await import('pg');
      const ask = async (client) => {
        const { rows } = await client.query("SELECT 'hello' AS greeting");
        assert.deepEqual(rows, [{ greeting: 'hello' }]);
      };
      const settings = (host, port) => ({ host, port, user: 'u', password: 'p', database: 'd', ...more });
      return {
        call: async (host, port) => {
          const client = new pg.Client(settings(host, port));
          client.on('error', quiet);
          await client.connect();
          await ask(client);
          await client.end();
        },
        pool: (host, port) => {
          const pool = new pg.Pool(settings(host, port));
          pool.on('error', quiet);
          return { ask: () => ask(pool), close: () => pool.end() };
        },
      };
    },
  };
}

function mysql2(name, more) {
  return {
    name,
    server: 'mysql',
    open: async () => {
      const { default: mysql } = await import('mysql2/promise');
      const ask = async (client) => {
        const [rows] = await client.query("SELECT 'hello' AS greeting");
        assert.deepEqual(
          rows.map((row) => ({ ...row })),
          [{ greeting: 'hello' }],
        );
      };
      const settings = (host, port) => ({ host, port, user: 'u', password: 'p', ...more });
      return {
        call: async (host, port) => {
          const connection = await mysql.createConnection(settings(host, port));
          try {
            await ask(connection);
          } finally {
            connection.destroy();
          }
        },
        pool: (host, port) => {
          const pool = mysql.createPool(settings(host, port));
          return { ask: () => ask(pool), close: () => pool.end() };
        },
      };
    },
  };
}

const setAndGet = async (client) => {
  const key = `matrix:${randomUUID()}`;
  await client.set(key, 'hello');
  assert.equal(await client.get(key), 'hello');
  await client.del(key);
};

function ioredis(name, server, more) {
  return {
    name,
    server,
    open: async () => {
      const { default: Redis } = await import('ioredis');
      return {
        call: async (host, port) => {
          const once = { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 };
          const client = new Redis({ host, port, ...once, ...more });
          let first;
          client.on('error', (error) => (first ??= error));
          try {
            await client.connect();
            await setAndGet(client);
          } catch (error) {
            throw first ?? error;
          } finally {
            client.disconnect();
          }
        },
        steady: (host, port) => {
          const client = new Redis({ host, port, maxRetriesPerRequest: null, ...more });
          client.on('error', quiet);
          return { done: setAndGet(client), close: () => client.disconnect() };
        },
      };
    },
  };
}

function redis(name, server, more) {
  return {
    name,
    server,
    open: async () => {
      const { createClient } = await import('redis');
      return {
        call: async (host, port) => {
          const client = createClient({
            socket: { host, port, reconnectStrategy: false, ...more },
            disableClientInfo: true,
          });
          client.on('error', quiet);
          await client.connect();
          await setAndGet(client);
          client.destroy();
        },
        steady: (host, port) => {
          const client = createClient({ socket: { host, port, ...more }, disableClientInfo: true });
          client.on('error', quiet);
          return { done: client.connect().then(() => setAndGet(client)), close: () => client.destroy() };
        },
      };
    },
  };
}

function mongodb(name, server, more) {
  return {
    name,
    server,
    // A denial is found when the driver has given up looking for a server.
    denials: 50,
    open: async () => {
      const { MongoClient } = await import('mongodb');
      const insertAndFind = async (client) => {
        const things = client.db('d').collection('things');
        const key = randomUUID();
        await things.insertOne({ key, greeting: 'hello' });
        const found = await things.findOne({ key });
        assert.equal(found?.greeting, 'hello');
      };
      const once = async (client) => {
        try {
          await client.connect();
          await insertAndFind(client);
        } finally {
          await client.close();
        }
      };
      const connect = (host, port, patience) =>
        new MongoClient(`mongodb://${host}:${port}/?directConnection=true`, {
          serverSelectionTimeoutMS: patience,
          ...more,
        });
      return {
        call: (host, port) => once(connect(host, port, 120_000)),
        // It looks for a server as long as it may: at first no longer than it takes to learn why there is none.
        brief: async (host, port) => {
          for (let patience = 150; ; patience *= 2)
            try {
              return await once(connect(host, port, patience));
            } catch (error) {
              const servers = [...(error.reason?.servers?.values() ?? [])];
              if (servers.length === 0 || servers.some((one) => one.error)) throw error;
            }
        },
        steady: (host, port) => {
          const client = connect(host, port, 120_000);
          return { done: insertAndFind(client), close: () => client.close() };
        },
      };
    },
  };
}

export const databaseClients = [
  pg('pg', 'postgres', { ssl: false }),
  pg('pg, TLS', 'postgres', { ssl: true }),
  mysql2('mysql2', {}),
  mysql2('mysql2, TLS', { ssl: { verifyIdentity: true } }),
  ioredis('ioredis', 'redis', {}),
  ioredis('ioredis, TLS', 'rediss', { tls: {} }),
  redis('redis', 'redis', {}),
  redis('redis, TLS', 'rediss', { tls: true }),
  mongodb('mongodb', 'mongodb', {}),
  mongodb('mongodb, TLS', 'mongodbs', { tls: true }),
];
