/**
 * Clients of other protocols. `call(host, port)` does one real operation, fails unless its answer is right, and leaves
 * nothing open; `brief` is the same where the client would try for long. `steady(host, port)` starts a client that connects
 * again by itself: `done` settles with its operation. `pool(host, port)` keeps connections for the operation `ask`.
 */
import { databaseClients } from './tcp-databases.mjs';
import { installedClients } from './tcp-installed.mjs';
import { messagingClients } from './tcp-messaging.mjs';
import { nodeClients } from './tcp-node.mjs';
import { remoteClients } from './tcp-remote.mjs';

export const tcpClients = [
  ...nodeClients,
  ...databaseClients,
  ...messagingClients,
  ...remoteClients,
  ...installedClients,
];
