/** One client under the guard, in a process of its own: prints what each scenario came to, as JSON. */
import { httpClients, sdkClients, streamClients } from './clients/http.mjs';
import { tcpClients } from './clients/tcp.mjs';

const ports = JSON.parse(process.env.MATRIX_PORTS);
const api = `http://api.mesh.test:${ports.http}`;
const secure = `https://api.mesh.test:${ports.https}`;
const forbidden = `http://denied.mesh.test:${ports.forbidden}`;
const results = {};
const uncaught = [];
process.on('uncaughtException', (error) => uncaught.push(String(error.stack)));
process.on('unhandledRejection', (error) => uncaught.push(String(error?.stack ?? error)));

async function scenario(name, run) {
  const clock = AbortSignal.timeout(20_000);
  const late = new Promise((_, reject) =>
    clock.addEventListener('abort', () => reject(new Error('took longer than 20 s'))),
  );
  try {
    results[name] = (await Promise.race([run(), late])) ?? 'pass';
  } catch (error) {
    results[name] = `fail: ${error?.message ?? error}`;
  }
}

function check(condition, message) {
  if (!condition) throw new Error(message);
}

/** Where the denial is found in what the client threw: the error itself, below it, or in its words only. */
function evidence(error) {
  const seen = new Set();
  const queue = [[error, 'error']];
  while (queue.length > 0) {
    const [one, where] = queue.shift();
    if (typeof one !== 'object' || one === null || seen.has(one)) continue;
    seen.add(one);
    if (one.code === 'ERR_EGRESS_DENIED') return where;
    for (const key of ['cause', 'reason', 'error', 'originalError', 'detail', 'raw', 'description'])
      queue.push([one[key], 'cause']);
    for (const nested of Array.isArray(one.errors) ? one.errors : []) queue.push([nested, 'cause']);
    for (const server of one.reason?.servers?.values?.() ?? []) queue.push([server.error, 'cause']);
  }
  for (const one of seen) if (/ERR_EGRESS_DENIED/.test(`${one.message} ${one.details ?? ''}`)) return 'message';
  return undefined;
}

async function denied(run, { opaque = false } = {}) {
  let error;
  try {
    await run();
  } catch (thrown) {
    error = thrown;
  }
  check(error !== undefined, 'was not denied');
  const where = evidence(error);
  check(where !== undefined || opaque, `failed without naming the denial: ${error?.code} ${error?.message}`);
  return `pass (${where ?? 'an error without a reason, as this client gives'})`;
}

async function noLeak(run, times, { leavesTimers = false } = {}) {
  const ignored = leavesTimers ? ['Immediate', 'Timeout'] : ['Immediate'];
  const count = () => process.getActiveResourcesInfo().filter((name) => !ignored.includes(name)).length;
  await run().catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const before = count();
  for (let index = 0; index < times; index += 1) await run().catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 100));
  const after = count();
  check(after <= before + 3, `${after - before} resources more after ${times} denials`);
}

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

async function runTcp(client) {
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
