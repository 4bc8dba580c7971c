/** The scenarios of clients of other protocols. */
import { writeFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { serviceEntry } from './policy.mjs';
import { check, denied, eventually, noLeak, scenario } from './scenarios.mjs';
import { PROTOCOLS } from './protocols.mjs';

const ports = JSON.parse(process.env.MATRIX_PORTS);

export async function runTcp(client) {
  const { call, brief = call, slow, steady, pool } = await client.open();
  const host = client.host ?? `${client.server}.mesh.test`;
  const port = ports[client.server];
  await scenario('allowed', () => call(host, port).then(() => undefined));
  await scenario('denied', () => denied(() => brief('denied.mesh.test', ports.forbidden), client));
  await scenario('no leak', () =>
    noLeak(() => brief('denied.mesh.test', ports.forbidden), client.denials ?? 500, {
      refused: () => brief('refused.mesh.test', ports.refused),
    }),
  );
  await scenario('allowed by an update', () =>
    recovers(client, { call, brief, steady, pool }, ports.later[client.later ?? client.server]),
  );
  if (slow)
    await scenario('timeout', async () => {
      const error = await slow(host, port).then(
        () => undefined,
        (thrown) => thrown,
      );
      check(error?.code === 14 && /upstream request timeout/.test(error.message), `ended with ${error?.message}`);
    });
}

/** What was denied works once the policy admits it; a client that connects again by itself needs no help. */
async function recovers(client, { call, brief, steady, pool }, port) {
  const host = 'later.mesh.test';
  await denied(() => brief(host, port), client);
  const waiting = steady?.(host, port);
  const kept = pool?.(host, port);
  try {
    if (kept) await denied(kept.ask, client);
    if (waiting) {
      const first = await Promise.race([waiting.done.then(() => 'done'), wait(400)]);
      check(first === undefined, 'was not denied');
    }
    const protocol = PROTOCOLS[client.server] ?? client.protocol;
    const entry = serviceEntry('later', host, [{ number: port, name: 'later', protocol }]);
    writeFileSync(process.env.MATRIX_LATER_POLICY, JSON.stringify(entry));
    await eventually(() => brief(host, port));
    await call(host, port);
    await kept?.ask();
    await waiting?.done;
  } finally {
    await kept?.close();
    await waiting?.close();
  }
}
