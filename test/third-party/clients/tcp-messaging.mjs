/** Brokers and mail: a message is taken, and where the protocol allows comes back. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

const quiet = () => undefined;

function kafkajs(name, server, more) {
  return {
    name,
    server,
    open: async () => {
      const { default: kafkajs } = await import('kafkajs');
      const connect = (host, port, retry) =>
        new kafkajs.Kafka({ brokers: [`${host}:${port}`], retry, logCreator: () => quiet, ...more });
      const produce = async (kafka) => {
        const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
        const admin = kafka.admin();
        const topic = `matrix-${randomUUID()}`;
        try {
          await producer.connect();
          await producer.send({ topic, messages: [{ value: 'hello' }, { value: 'again' }] });
          await admin.connect();
          const [{ high }] = await admin.fetchTopicOffsets(topic);
          assert.equal(high, '2');
        } finally {
          await producer.disconnect().catch(quiet);
          await admin.disconnect().catch(quiet);
        }
      };
      return {
        call: (host, port) => produce(connect(host, port, { retries: 0 })),
        steady: (host, port) => {
          const retry = { initialRetryTime: 100, multiplier: 1, retries: 100 };
          return { done: produce(connect(host, port, retry)), close: quiet };
        },
      };
    },
  };
}

function amqplib(name, server, scheme) {
  return {
    name,
    server,
    open: async () => {
      const { default: amqp } = await import('amqplib');
      return {
        call: async (host, port) => {
          const connection = await amqp.connect(`${scheme}://${host}:${port}`);
          connection.on('error', quiet);
          const channel = await connection.createChannel();
          const queue = `matrix-${randomUUID()}`;
          await channel.assertQueue(queue);
          channel.sendToQueue(queue, Buffer.from('hello'));
          const message = await channel.get(queue, { noAck: true });
          assert.equal(String(message.content), 'hello');
          await channel.close();
          await connection.close();
        },
      };
    },
  };
}

function mqtt(name, server, protocol) {
  return {
    name,
    server,
    open: async () => {
      const { default: mqtt } = await import('mqtt');
      const publishAndReceive = async (client) => {
        const topic = `matrix/${randomUUID()}`;
        await client.subscribeAsync(topic);
        const arrived = new Promise((resolve) => client.once('message', (_, payload) => resolve(String(payload))));
        await client.publishAsync(topic, 'hello');
        assert.equal(await arrived, 'hello');
      };
      return {
        call: async (host, port) => {
          const client = mqtt.connect({ host, port, protocol, reconnectPeriod: 0, connectTimeout: 60_000 });
          try {
            await new Promise((resolve, reject) => {
              client.once('connect', resolve);
              client.once('error', reject);
            });
            await publishAndReceive(client);
          } finally {
            client.end(true);
          }
        },
        steady: (host, port) => {
          const client = mqtt.connect({ host, port, protocol, reconnectPeriod: 100 });
          client.on('error', quiet);
          const connected = new Promise((resolve) => client.once('connect', resolve));
          return { done: connected.then(() => publishAndReceive(client)), close: () => client.end(true) };
        },
      };
    },
  };
}

function nodemailer(name, server, more) {
  return {
    name,
    server,
    open: async () => {
      const { default: nodemailer } = await import('nodemailer');
      const send = async (transport) => {
        const mail = { from: 'a@mesh.test', to: 'b@mesh.test', subject: 's', text: 't' };
        const { accepted } = await transport.sendMail(mail);
        assert.deepEqual(accepted, ['b@mesh.test']);
      };
      return {
        call: async (host, port) => {
          const transport = nodemailer.createTransport({ host, port, ...more });
          try {
            await send(transport);
          } finally {
            transport.close();
          }
        },
        pool: (host, port) => {
          const transport = nodemailer.createTransport({ host, port, pool: true, ...more });
          transport.on('error', quiet);
          return { ask: () => send(transport), close: () => transport.close() };
        },
      };
    },
  };
}

export const messagingClients = [
  kafkajs('kafkajs', 'kafka', {}),
  kafkajs('kafkajs, TLS', 'kafkas', { ssl: true }),
  amqplib('amqplib', 'amqp', 'amqp'),
  amqplib('amqplib, TLS', 'amqps', 'amqps'),
  mqtt('mqtt', 'mqtt', 'mqtt'),
  mqtt('mqtt, TLS', 'mqtts', 'mqtts'),
  nodemailer('nodemailer', 'smtp', { ignoreTLS: true }),
  nodemailer('nodemailer, STARTTLS', 'smtp', { requireTLS: true }),
  nodemailer('nodemailer, TLS', 'smtps', { secure: true }),
];
