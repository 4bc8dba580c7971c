/** An MQTT 3.1.1 broker: what is published goes to all who subscribed to that very topic. */
import { createRequire } from 'node:module';

// It comes with the client.
const require = createRequire(import.meta.url);
const { generate, parser } = require('mqtt-packet');

export function mqtt() {
  const subscribers = new Map();
  return (socket, told) => {
    const send = (packet) => socket.write(generate(packet));
    const answers = {
      connect: () => send({ cmd: 'connack', returnCode: 0, sessionPresent: false }),
      pingreq: () => send({ cmd: 'pingresp' }),
      disconnect: () => socket.end(),
      subscribe: ({ messageId, subscriptions }) => {
        for (const { topic } of subscriptions) subscribers.set(topic, [...(subscribers.get(topic) ?? []), socket]);
        send({ cmd: 'suback', messageId, granted: subscriptions.map(() => 0) });
      },
      publish: ({ topic, payload, qos, messageId }) => {
        told(`publish ${topic}`);
        if (qos === 1) send({ cmd: 'puback', messageId });
        const message = generate({ cmd: 'publish', topic, payload, qos: 0, retain: false, dup: false });
        for (const subscriber of subscribers.get(topic) ?? []) if (!subscriber.destroyed) subscriber.write(message);
      },
    };
    const packets = parser();
    packets.on('packet', (packet) => answers[packet.cmd]?.(packet));
    packets.on('error', () => socket.destroy());
    socket.on('data', (data) => packets.parse(data));
    socket.on('close', () => {
      for (const [topic, sockets] of subscribers)
        subscribers.set(
          topic,
          sockets.filter((one) => one !== socket),
        );
    });
  };
}
