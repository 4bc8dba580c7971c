/**
 * Loopback servers that the clients talk to. Each tells how many connections and requests it got. `kafkaName` is what
 * Kafka calls itself; of `real`, the ports of installed servers by name, each takes the place of the one made here.
 */
import { listen, relay } from './servers/listen.mjs';
import { protocolServers } from './servers/protocols.mjs';
import { webServers } from './servers/web.mjs';

export async function startServers(certificate, { kafkaName, real = {} } = {}) {
  const servers = {};
  for (const [name, server] of Object.entries({
    ...webServers(certificate),
    ...protocolServers(certificate, kafkaName),
    ...Object.fromEntries(Object.entries(real).map(([name, port]) => [name, relay(port)])),
  }))
    servers[name] = await listen(server);
  return {
    servers,
    close: () => {
      for (const record of Object.values(servers)) record.close();
    },
  };
}
