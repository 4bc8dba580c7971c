/** AMQP 0-9-1: queues that keep what is published to them by name until somebody gets it. */
import { createRequire } from 'node:module';
import { buffered } from './listen.mjs';

// The names, numbers and fields of the methods, as the client has them.
const require = createRequire(import.meta.url);
const defs = require('amqplib/lib/defs');

const METHOD = 1;
const HEADER = 2;
const BODY = 3;
const FRAME_END = 0xce;

export function amqp() {
  const queues = new Map();
  return (socket, told) => {
    const send = (channel, method, fields) => socket.write(defs.encodeMethod(method, channel, fields));
    const published = new Map();
    const answers = {
      [defs.ConnectionStartOk]: () =>
        send(0, defs.ConnectionTune, { channelMax: 2047, frameMax: 131_072, heartbeat: 0 }),
      [defs.ConnectionTuneOk]: () => undefined,
      [defs.ConnectionOpen]: () => send(0, defs.ConnectionOpenOk, { knownHosts: '' }),
      [defs.ConnectionClose]: () => send(0, defs.ConnectionCloseOk, {}),
      [defs.ChannelOpen]: (channel) => send(channel, defs.ChannelOpenOk, {}),
      [defs.ChannelClose]: (channel) => send(channel, defs.ChannelCloseOk, {}),
      [defs.QueueDeclare]: (channel, { queue }) => {
        if (!queues.has(queue)) queues.set(queue, []);
        send(channel, defs.QueueDeclareOk, { queue, messageCount: queues.get(queue).length, consumerCount: 0 });
      },
      [defs.BasicPublish]: (channel, { routingKey }) =>
        published.set(channel, { queue: routingKey, body: [], left: 0 }),
      [defs.BasicGet]: (channel, { queue }) => {
        told(`get ${queue}`);
        const message = queues.get(queue)?.shift();
        if (!message) return send(channel, defs.BasicGetEmpty, {});
        const fields = { deliveryTag: 1, redelivered: false, exchange: '', routingKey: queue, messageCount: 0 };
        send(channel, defs.BasicGetOk, fields);
        socket.write(defs.encodeProperties(defs.BasicProperties, channel, message.length, {}));
        return socket.write(frame(BODY, channel, message));
      },
    };
    const deliver = (channel) => {
      const { queue, body } = published.get(channel);
      told(`publish ${queue}`);
      queues.get(queue)?.push(Buffer.concat(body));
      published.delete(channel);
    };
    let greeted = false;
    buffered(socket, (data) => {
      if (!greeted) {
        if (data.length < 8) return undefined;
        greeted = true;
        const fields = {
          versionMajor: 0,
          versionMinor: 9,
          serverProperties: {},
          mechanisms: Buffer.from('PLAIN'),
          locales: Buffer.from('en_US'),
        };
        send(0, defs.ConnectionStart, fields);
        return data.subarray(8);
      }
      if (data.length < 8 || data.length < data.readUInt32BE(3) + 8) return undefined;
      const [type, channel, end] = [data[0], data.readUInt16BE(1), data.readUInt32BE(3) + 7];
      const payload = data.subarray(7, end);
      if (type === METHOD) {
        const id = payload.readUInt32BE(0);
        answers[id]?.(channel, defs.decode(id, payload.subarray(4)));
      } else if (type === HEADER) {
        published.get(channel).left = Number(payload.readBigUInt64BE(4));
        if (published.get(channel).left === 0) deliver(channel);
      } else if (type === BODY) {
        const message = published.get(channel);
        message.body.push(Buffer.from(payload));
        message.left -= payload.length;
        if (message.left === 0) deliver(channel);
      }
      return data.subarray(end + 1);
    });
  };
}

function frame(type, channel, payload) {
  const head = Buffer.alloc(7);
  head[0] = type;
  head.writeUInt16BE(channel, 1);
  head.writeUInt32BE(payload.length, 3);
  return Buffer.concat([head, payload, Buffer.from([FRAME_END])]);
}
