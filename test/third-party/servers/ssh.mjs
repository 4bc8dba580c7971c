/** SSH: anybody may log in; a command is answered with its own words. */
import { createRequire } from 'node:module';

// CommonJS: its names are not all seen by `import`.
const require = createRequire(import.meta.url);

export function ssh() {
  const { Server, utils } = require('ssh2');
  const { private: hostKey } = utils.generateKeyPairSync('ed25519');
  return (socket, told) => {
    const server = new Server({ hostKeys: [hostKey] }, (client) => {
      client.on('error', () => undefined);
      client.on('authentication', (attempt) => attempt.accept());
      client.on('session', (accept) => {
        accept().on('exec', (acceptCommand, _refuse, { command }) => {
          told(`exec ${command}`);
          const stream = acceptCommand();
          stream.write(`ran ${command}`);
          stream.exit(0);
          stream.end();
        });
      });
    });
    server.injectSocket(socket);
  };
}
