/** The scenarios of everything that speaks HTTP: libraries, SDKs, WebSockets, event streams. */
import { changePolicy, serverSaw } from './link.mjs';
import { check, denied, eventually, failureOf, noLeak, results, scenario } from './scenarios.mjs';

const ports = JSON.parse(process.env.MATRIX_PORTS);
/** Ports that nobody listens on: the policy says where they lead. */
const ROUTED = {
  http: 'http://routed.mesh.test',
  https: 'https://routed.mesh.test',
  h2: 'http://routed.mesh.test:8080',
  h2s: 'https://routed.mesh.test:8443',
};
const DENIED_HOST = 'denied.mesh.test';

/**
 * `get(url, { signal })` makes the client's own kind of request below `url`, and gives `{ status, body, header }` as far as
 * the client tells them: what is not told is judged by what the server saw. An `opaque` client tells nothing but that it
 * failed. What a client `lacks` is not run: `{ [scenario]: why }`.
 */
export async function runHttp(client) {
  const opened = await client.open(`http://proxy.mesh.test:${ports.proxy}`);
  const { plain = 'http', secure = 'https', opaque = false, pools = true } = client;
  const web = {
    ...opened,
    client,
    opaque,
    pools,
    names: { plain, secure },
    plain: `http://api.mesh.test:${ports[plain]}`,
    secure: `https://api.mesh.test:${ports[secure]}`,
    forbidden: `http://${DENIED_HOST}:${ports.forbidden}`,
    refused: `http://refused.mesh.test:${ports.refused}`,
  };
  for (const [name, run] of Object.entries(SCENARIOS)) {
    if (name === 'denied proxy' && !client.throughProxy) continue;
    const lacking = client.lacks?.[name];
    if (lacking !== undefined) results[name] = `not supported: ${lacking}`;
    else await scenario(name, () => run(web));
    await serverSaw();
  }
  await opened.close?.();
}

const SCENARIOS = {
  allowed: (web) => reaches(web, 'plain', `${web.plain}/ok`, web.plain),
  'allowed over TLS': (web) => reaches(web, 'secure', `${web.secure}/ok`, web.secure),
  denied: (web) => isDenied(web, `${web.forbidden}/`),
  'denied again': (web) => isDenied(web, `${web.forbidden}/again`),
  'denied proxy': async (web) => {
    const { get } = await web.client.open(`${web.forbidden}`);
    const answer = await denied(() => get(`${web.plain}/ok`), { mentions: DENIED_HOST });
    await denied(() => get(`${web.secure}/ok`), { mentions: DENIED_HOST });
    check((await serverSaw()).forbidden.connections === 0, 'the proxy was connected to');
    return answer;
  },
  'fails in its own way': failsInItsOwnWay,
  'no leak': async (web) => {
    const outcome = await noLeak(({ signal }) => web.get(`${web.forbidden}/`, { signal }), web.client.denials ?? 500, {
      refused: ({ signal }) => web.get(`${web.refused}/`, { signal }),
      agents: web.agents,
      settleMs: web.client.settleMs,
    });
    check((await serverSaw()).forbidden.connections === 0, 'connections were made');
    return outcome;
  },
  'decided on a pooled connection': (web) => decidedWhenPooled(web, 'plain', web.plain),
  'decided inside TLS': (web) => decidedWhenPooled(web, 'secure', web.secure),
  route: (web) => reaches(web, 'plain', `${ROUTED[web.names.plain]}/ok`, ROUTED[web.names.plain]),
  'route over TLS': (web) => reaches(web, 'secure', `${ROUTED[web.names.secure]}/ok`, ROUTED[web.names.secure]),
  rewrite: (web) => isRewritten(web, 'plain', web.plain),
  'rewrite inside TLS': (web) => isRewritten(web, 'secure', web.secure),
  'local reply': async (web) => {
    if (web.opaque) await failureOf(() => web.get(`${web.plain}/teapot`));
    else check((await web.get(`${web.plain}/teapot`)).status === 418, 'no 418');
    check((await requestsAt(web, 'plain')).length === 0, 'the server was asked');
  },
  timeout: (web) => timesOut(web, 'plain', web.plain),
  'timeout inside TLS': (web) => timesOut(web, 'secure', web.secure),
  'decided again after an update': async (web) => {
    await succeeds(web, `${web.plain}/later`);
    await requestsAt(web, 'plain');
    await changePolicy();
    web.updated?.();
    await eventually(() => failureOf(() => web.get(`${web.plain}/later`)));
    await serverSaw();
    const answer = await denied(() => web.get(`${web.plain}/later`), web);
    check((await requestsAt(web, 'plain')).length === 0, 'what was denied reached the server');
    return answer;
  },
};

/** The requests that a server got since it was last asked; `which` is `plain`, `secure` or a server's name. */
async function requestsAt(web, which) {
  return (await serverSaw())[web.names[which] ?? which].requests;
}

async function succeeds(web, url) {
  const answer = await web.get(url);
  check(answer.status === undefined || [200, 101].includes(answer.status), `answered ${answer.status}`);
  return answer;
}

async function reaches(web, which, url, origin) {
  await succeeds(web, url);
  const saw = await serverSaw();
  const [seen] = saw[web.names[which]].requests;
  if (web.client.throughProxy) check(saw.proxy.requests.length > 0, 'did not go through the proxy');
  check(seen !== undefined, 'the server saw no request');
  check(seen.url.startsWith('/ok'), `the server saw ${seen.url}`);
  const authority = seen.headers.host ?? seen.headers[':authority'];
  check(authority === new URL(origin).host, `the server saw ${authority}`);
}

async function isDenied(web, url) {
  const answer = await denied(() => web.get(url), { opaque: web.opaque, mentions: DENIED_HOST });
  const { forbidden, proxy } = await serverSaw();
  check(forbidden.connections === 0 && proxy.requests.length === 0, 'a connection was made');
  return answer;
}

/** What a caller catches is of the kind that it catches when nobody listens. */
async function failsInItsOwnWay(web) {
  const [one, other] = [
    await failureOf(() => web.get(`${web.forbidden}/`)),
    await failureOf(() => web.get(`${web.refused}/`)),
  ];
  const kind = (error) => (['EgressDeniedError', 'AggregateError'].includes(error.name) ? 'Error' : error.name);
  check(one instanceof Error === other instanceof Error, 'one of them is no Error');
  check(kind(one) === kind(other), `a denial is ${one.name}, a refused connection ${other.name}`);
}

async function decidedWhenPooled(web, which, origin) {
  await succeeds(web, `${origin}/ok`);
  await serverSaw();
  const answer = await denied(() => web.get(`${origin}/unrouted`), web);
  await succeeds(web, `${origin}/ok`);
  const { connections, requests } = (await serverSaw())[web.names[which]];
  check(
    requests.every(({ url }) => !url.startsWith('/unrouted')),
    'what was denied reached the server',
  );
  if (web.pools) check(connections === 0, `${connections} connections were opened beside the pooled one`);
  return answer;
}

async function isRewritten(web, which, origin) {
  const { header } = await succeeds(web, `${origin}/old/x`);
  const [seen] = await requestsAt(web, which);
  check(seen?.url.startsWith('/new'), `the server saw ${seen?.url}`);
  check(seen.headers['x-added'] === 'yes', 'the server saw no added header');
  if (header) check(header('x-changed') === 'yes', 'the answer was not changed');
}

async function timesOut(web, which, origin, tries = 5) {
  if (web.opaque) await failureOf(() => web.get(`${origin}/slow`));
  else {
    const { status, body } = await web.get(`${origin}/slow`);
    // Some clients only say that they cannot read it.
    check(status === 504 || status === undefined, `answered ${status}`);
    check(body === undefined || body === 'upstream request timeout', `answered ${body}`);
  }
  const asked = (await requestsAt(web, which)).length;
  // On a machine under load the time is over before there is a connection.
  if (asked === 0 && tries > 1) return timesOut(web, which, origin, tries - 1);
  check(asked === 1, `the server was asked ${asked} times`);
  return undefined;
}
