/** A shell elsewhere, and a directory. */
import assert from 'node:assert/strict';

function ldapts(name, server, scheme, startTls) {
  return {
    name,
    server,
    open: async () => {
      const { Client } = await import('ldapts');
      return {
        call: async (host, port) => {
          const client = new Client({ url: `${scheme}://${host}:${port}` });
          try {
            if (startTls) await client.startTLS({ servername: host });
            await client.bind('cn=u,dc=mesh,dc=test', 'p');
            const { searchEntries } = await client.search('dc=mesh,dc=test', { scope: 'base' });
            assert.equal(searchEntries[0]?.dn, 'dc=mesh,dc=test');
          } finally {
            await client.unbind().catch(() => undefined);
          }
        },
      };
    },
  };
}

export const remoteClients = [
  {
    name: 'ssh2',
    server: 'ssh',
    open: async () => {
      const { default: ssh2 } = await import('ssh2');
      const run = (client) =>
        new Promise((resolve, reject) => {
          client.exec('echo hello', (error, stream) => {
            if (error) return reject(error);
            let output = '';
            stream.on('data', (data) => (output += data));
            stream.on('close', () => resolve(output));
          });
        });
      return {
        call: async (host, port) => {
          const client = new ssh2.Client();
          try {
            await new Promise((resolve, reject) => {
              client.on('ready', resolve);
              client.on('error', reject);
              client.connect({ host, port, username: 'u', password: 'p' });
            });
            assert.match(await run(client), /hello/);
          } finally {
            client.destroy();
          }
        },
      };
    },
  },
  ldapts('ldapts', 'ldap', 'ldap', false),
  ldapts('ldapts, STARTTLS', 'ldap', 'ldap', true),
  ldapts('ldapts, TLS', 'ldaps', 'ldaps', false),
];
