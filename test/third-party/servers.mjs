/** Loopback servers that the clients talk to. Each tells how many connections and requests it got. `kafkaName` is what Kafka calls itself. */
import { listen } from './servers/listen.mjs';
import { protocolServers } from './servers/protocols.mjs';
import { webServers } from './servers/web.mjs';

export async function startServers(certificate, kafkaName) {
  const servers = {};
  for (const [name, server] of Object.entries({
    ...webServers(certificate),
    ...protocolServers(certificate, kafkaName),
  }))
    servers[name] = await listen(server);
  return {
    servers,
    close: () => {
      for (const record of Object.values(servers)) record.close();
    },
  };
}
