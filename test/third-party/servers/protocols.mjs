/** A server for each protocol that is not HTTP. */
import { createServer } from 'node:net';
import { mqtt } from './mqtt.mjs';
import { mysql } from './mysql.mjs';
import { postgres } from './postgres.mjs';
import { redis } from './redis.mjs';
import { smtp } from './smtp.mjs';

export function protocolServers() {
  return {
    redis: createServer(redis),
    postgres: createServer(postgres),
    mysql: createServer(mysql),
    smtp: createServer(smtp),
    mqtt: createServer(mqtt),
    // Accepts and says nothing: enough to see whether a client that speaks something else got through.
    silent: createServer((socket) => socket.on('error', () => undefined)),
  };
}
