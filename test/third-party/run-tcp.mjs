/** The scenarios of clients of other protocols. */
import { check, denied, evidence, noLeak, scenario } from './scenarios.mjs';

const ports = JSON.parse(process.env.MATRIX_PORTS);

export async function runTcp(client) {
  const { call, slow } = await client.open();
  const host = client.host ?? `${client.server}.mesh.test`;
  await scenario('allowed', async () => {
    if (client.connectOnly) {
      // Whatever became of its greeting: it did reach the server, which the parent looks at.
      const error = await call(host, ports[client.server]).then(
        () => undefined,
        (thrown) => thrown,
      );
      check(evidence(error) === undefined, 'was denied');
    } else await call(host, ports[client.server]);
  });
  await scenario('denied', () => denied(() => call('denied.mesh.test', ports.forbidden), client));
  await scenario('no leak', () =>
    noLeak(() => call('denied.mesh.test', ports.forbidden), client.connectOnly ? 5 : 100, client),
  );
  if (slow)
    await scenario('timeout', async () => {
      const error = await slow(host, ports[client.server]).then(
        () => undefined,
        (thrown) => thrown,
      );
      check(error?.code === 14 && /upstream request timeout/.test(error.message), `ended with ${error?.message}`);
    });
}
