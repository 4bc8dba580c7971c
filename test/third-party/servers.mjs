/** Loopback servers that the clients talk to. Each tells how many connections and requests it got. */
import { listen } from './servers/listen.mjs';
import { protocolServers } from './servers/protocols.mjs';
import { webServers } from './servers/web.mjs';

export async function startServers(certificate) {
  const servers = {};
  for (const [name, server] of Object.entries({ ...webServers(certificate), ...protocolServers(certificate) }))
    servers[name] = await listen(server);
  return {
    servers,
    close: () => {
      for (const { server } of Object.values(servers)) {
        server.closeAllConnections?.();
        server.close();
      }
    },
  };
}
