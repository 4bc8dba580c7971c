/** One client under the guard, in a process of its own: prints what each scenario came to, as JSON. */
import { httpClients, sdkClients, streamClients } from './clients/http.mjs';
import { tcpClients } from './clients/tcp.mjs';
import { runTcp } from './run-tcp.mjs';
import { check, denied, noLeak, results, scenario, uncaught } from './scenarios.mjs';

const ports = JSON.parse(process.env.MATRIX_PORTS);
const api = `http://api.mesh.test:${ports.http}`;
const secure = `https://api.mesh.test:${ports.https}`;
const forbidden = `http://denied.mesh.test:${ports.forbidden}`;

async function runHttp(client) {
  const { get } = await client.open();
  await scenario('allowed', async () => {
    const { status, body } = await get(`${api}/ok`);
    check(status === 200 && JSON.parse(body).url === '/ok', `answered ${status}`);
  });
  await scenario('allowed over TLS', async () => {
    const { status } = await get(`${secure}/ok`);
    check(status === 200, `answered ${status}`);
  });
  await scenario('denied', () => denied(() => get(`${forbidden}/`)));
  await scenario('denied again', () => denied(() => get(`${forbidden}/again`)));
  await scenario('no leak', () => noLeak(() => get(`${forbidden}/`), 500));
  await scenario('decided on a pooled connection', async () => {
    check((await get(`${api}/ok`)).status === 200, 'first request failed');
    const answer = await denied(() => get(`${api}/unrouted`));
    check((await get(`${api}/ok`)).status === 200, 'third request failed');
    return answer;
  });
  if (client.denialOnly) return;
  await scenario('route', async () => {
    const { status, body } = await get('http://routed.mesh.test/ok');
    check(status === 200 && JSON.parse(body).host === 'routed.mesh.test', `answered ${status}`);
  });
  await scenario('rewrite and headers', async () => {
    const { status, body, header } = await get(`${api}/old/x`);
    const seen = JSON.parse(body);
    check(status === 200 && seen.url === '/new/x' && seen.added === 'yes', `server saw ${body}`);
    check(header('x-changed') === 'yes', 'the answer was not changed');
  });
  await scenario('local reply', async () => check((await get(`${api}/teapot`)).status === 418, 'no 418'));
  await scenario('timeout', async () => {
    const { status, body } = await get(`${api}/slow`);
    check(status === 504 && body === 'upstream request timeout', `answered ${status} ${body}`);
  });
  await scenario('route over TLS', async () => {
    const { status, body } = await get(`${secure}/old/x`);
    check(status === 200 && JSON.parse(body).url === '/new/x', `answered ${status} ${body}`);
  });
}

async function runCall(client, allowedOrigin, deniedOrigin) {
  const { call } = await client.open();
  await scenario('allowed', async () => {
    await call(...allowedOrigin);
  });
  await scenario('denied', () => denied(() => call(...deniedOrigin), client));
  await scenario('no leak', () => noLeak(() => call(...deniedOrigin), client.connectOnly ? 5 : 100, client));
}

const name = process.argv[2];
const find = (list) => list.find((client) => client.name === name);
try {
  if (find(httpClients)) await runHttp(find(httpClients));
  else if (find(sdkClients)) await runCall(find(sdkClients), [api], [forbidden]);
  else if (find(streamClients)) await runCall(find(streamClients), [api], [forbidden]);
  else await runTcp(find(tcpClients));
} catch (error) {
  results.start = `fail: ${error?.stack ?? error}`;
}
await scenario('nothing uncaught', async () => check(uncaught.length === 0, uncaught.join('\n')));
// Sockets that were closed last are logged when they are really gone.
await new Promise((resolve) => setTimeout(resolve, 100));
process.stdout.write(`\n@@${JSON.stringify(results)}\n`, () => process.exit(0));
