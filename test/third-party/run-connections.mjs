/**
 * The cases of undici-connections.mjs, with one copy of undici: `node run-connections.mjs <6|7|8|node|node+8> [words]`. Prints a
 * line of JSON for each.
 */
import dns from 'node:dns';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { deepStrictEqual as same, ok } from 'node:assert';
import { setTimeout as wait } from 'node:timers/promises';
import { createEgress, parseMeshConfig } from '../../dist/index.js';

const [which, ...words] = process.argv.slice(2);
// Once Node has its own copy at work, its global dispatcher carries out what a package that comes later is asked for.
const isBuiltInFirst = which.startsWith('node');
if (isBuiltInFirst) void globalThis.Response;
const version = which.replace(/^node\+?/, '');
const lib = version === '' ? undefined : await import(`undici${version}`);
const { ca, server: identity, first, second } = JSON.parse(readFileSync(process.env.CERTIFICATES, 'utf8'));
const HOST = 'api.mesh.test';
const folder = mkdtempSync(join(tmpdir(), 'sidecarless-connections-'));
writeFileSync(join(folder, 'ca.pem'), ca);

const lookup = dns.lookup;
dns.lookup = (host, options, callback) => {
  if (!host.endsWith('.mesh.test')) return lookup(host, options, callback);
  process.nextTick(() =>
    options.all ? callback(null, [{ address: '127.0.0.1', family: 4 }]) : callback(null, '127.0.0.1', 4),
  );
};

/** Undone after each case, the latest first. */
const after = [];
let ended;

/** What a server saw: one entry for each request. */
async function serve(listener = (_request, response) => response.end('answer'), at = { port: 0, host: '127.0.0.1' }) {
  return listening(createServer(recording(listener)), at);
}

/** The same inside TLS, where the client may show a certificate. */
async function serveSecure() {
  const options = { ...identity, ca, requestCert: true, rejectUnauthorized: false };
  const listener = (_request, response) => response.end('answer');
  return listening(createSecureServer(options, recording(listener)), { port: 0, host: '127.0.0.1' });
}

function recording(listener) {
  return function (request, response) {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      const { method, url, headers, socket } = request;
      const client = socket.getPeerCertificate?.().subject?.CN;
      this.seen.push({ method, url, host: headers.host, body, sni: socket.servername, client });
      if (url === '/last') response.setHeader('connection', 'close');
      listener(request, response, this.seen.length);
    });
  };
}

async function listening(server, at) {
  server.seen = [];
  await new Promise((resolve) => server.listen(at, resolve));
  after.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return { seen: server.seen, port: server.address().port, server };
}

async function closedPort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function egressOf(documents, options = {}) {
  ended = [];
  const meshConfig = parseMeshConfig(
    `outboundTrafficPolicy: { mode: REGISTRY_ONLY }\n---\n${documents.join('\n---\n')}`,
  );
  const observers = [{ onEnd: (exchange) => exchange.layer === 'http' && ended.push(exchange) }];
  const egress = createEgress({ meshConfig, accessLog: false, observers, random: () => 0, ...options });
  after.push(() => void egress.close());
  return egress;
}

const install = (documents, options) => egressOf(documents, options).install();
const resource = (kind, spec) => `
apiVersion: networking.istio.io/v1
kind: ${kind}
metadata: { name: ${kind.toLowerCase()}, namespace: default }
spec: ${JSON.stringify(spec)}`;
const entry = (port, protocol = 'HTTP', ...endpoints) =>
  resource('ServiceEntry', {
    hosts: [HOST],
    ports: [{ number: port, name: 'p', protocol }],
    ...(endpoints.length === 0
      ? { resolution: 'DNS' }
      : { resolution: 'STATIC', endpoints: endpoints.map((p) => ({ address: '127.0.0.1', ports: { p } })) }),
  });
const rule = (trafficPolicy) => resource('DestinationRule', { host: HOST, trafficPolicy });
const route = (more = {}) =>
  resource('VirtualService', { hosts: [HOST], http: [{ route: [{ destination: { host: HOST } }], ...more }] });

/** Each way to have undici ask an origin: gives what sends one request, and closes at the end of the case. */
const WAYS = {
  request: () => (url, more) => lib.request(url, more),
  fetch: () => (url, more) => (lib ?? globalThis).fetch(url, more),
  Agent: (options) => withDispatcher(new lib.Agent(options)),
  Pool: (options) => byOrigin('Pool', options),
  Client: (options) => byOrigin('Client', options),
  'Pool with a connector': (options = {}) => {
    const connect = lib.buildConnector({ ...options.connect });
    return byOrigin('Pool', { ...options, connect: (given, callback) => connect(given, callback) });
  },
};
const GLOBAL = lib === undefined ? ['fetch'] : ['request', 'fetch'];
const ways = Object.entries(WAYS).filter(([way]) => !isBuiltInFirst || GLOBAL.includes(way));
const pooling = isBuiltInFirst ? [] : ['Agent', 'Pool', 'Client'].map((way) => [way, WAYS[way]]);

function withDispatcher(dispatcher) {
  after.push(() => dispatcher.destroy().catch(() => undefined));
  return (url, more) => lib.request(url, { dispatcher, ...more });
}

function byOrigin(kind, options) {
  const made = new Map();
  return (url, more) => {
    const { origin, pathname } = new URL(url);
    if (!made.has(origin)) {
      const dispatcher = new lib[kind](origin, options);
      made.set(origin, dispatcher);
      after.push(() => dispatcher.destroy().catch(() => undefined));
    }
    return made.get(origin).request({ path: pathname, method: 'GET', ...more });
  };
}

/** Status and body, however the client gives them. */
async function get(send, url, more) {
  const response = await send(url, more);
  return { status: response.statusCode ?? response.status, body: await (response.body.text?.() ?? response.text()) };
}
const failure = (promise) =>
  promise.then(
    () => ok(false, 'it did not fail'),
    (error) => (error.message === 'fetch failed' ? error.cause : error),
  );

/** How often a socket is told to connect from now on. */
function connects() {
  const original = net.Socket.prototype.connect;
  let count = 0;
  net.Socket.prototype.connect = function (...args) {
    count += 1;
    return original.apply(this, args);
  };
  after.push(() => (net.Socket.prototype.connect = original));
  return () => count;
}

const cases = [];
const test = (name, run) => cases.push([name, run]);
const facts = () => ended.map(({ attempts, responseCode, responseFlags }) => [attempts, responseCode, responseFlags]);

for (const [way, open] of ways) {
  test(`${way}: an allowed host is tried again until it is there`, async () => {
    const port = await closedPort();
    install([entry(port)]);
    const server = createServer((_request, response) => response.end('late'));
    const { random } = Math;
    // The back-off is drawn when the first try has failed.
    Math.random = () => {
      Math.random = random;
      server.listen(port, '127.0.0.1');
      return 0.999;
    };
    after.push(() => {
      Math.random = random;
      server.closeAllConnections();
      server.close();
    });
    const send = open();
    same(await get(send, `http://${HOST}:${port}/`), { status: 200, body: 'late' });
    same(facts(), [[2, 200, '']]);
  });

  test(`${way}: an allowed host that is not there fails after three tries`, async () => {
    const port = await closedPort();
    const plain = await failure(open()(`http://127.0.0.1:${port}/`));
    install([entry(port)]);
    const count = connects();
    const { code, message } = await failure(open()(`http://${HOST}:${port}/`));
    same([code, message, count()], [plain.code, plain.message, 3]);
    same(facts(), [[3, 503, 'URX,UF']]);
  });

  test(`${way}: a body that is a stream arrives whole, is counted and timed`, async () => {
    const server = await serve((request, response) => {
      if (request.url !== '/slow') response.end('answer');
    });
    const mirror = await serve();
    const copies = resource('ServiceEntry', {
      hosts: ['copy.mesh.test'],
      ports: [{ number: mirror.port, name: 'p', protocol: 'HTTP' }],
      resolution: 'DNS',
    }).replace('name: serviceentry', 'name: copy');
    const target = { host: 'copy.mesh.test', port: { number: mirror.port } };
    install([entry(80, 'HTTP', server.port), copies, route({ timeout: '0.3s', mirror: target })]);
    const send = open();
    const pieces = () => Readable.from(['a stream ', 'in ', 'pieces'].map((piece) => Buffer.from(piece)));
    const more = () => ({ method: 'POST', body: pieces(), ...(way === 'fetch' && { duplex: 'half' }) });
    same(await get(send, `http://${HOST}/`, more()), { status: 200, body: 'answer' });
    same(
      server.seen.map(({ body, host }) => [body, host]),
      [['a stream in pieces', HOST]],
    );
    same(
      ended.map(({ bytesReceived, responseCode }) => [bytesReceived, responseCode]),
      [[18, 200]],
    );
    for (let i = 0; i < 100 && mirror.seen.length === 0; i += 1) await wait(10);
    same(
      mirror.seen.map(({ body }) => body),
      ['a stream in pieces'],
    );
    same(await get(send, `http://${HOST}/slow`, more()), { status: 504, body: 'upstream request timeout' });
    same(ended[1].responseFlags, 'UT');
  });
}

for (const [way, open] of pooling) {
  test(`${way}: its TLS options are kept where the policy leads elsewhere, and where not`, async () => {
    const server = await serveSecure();
    const own = { ca, ...first };
    for (const [name, documents, port] of [
      ['allowed', [entry(server.port, 'HTTPS')], server.port],
      ['led', [entry(443, 'HTTPS', server.port), route()], 443],
    ]) {
      const uninstall = install(documents);
      const url = `https://${HOST}:${port}/${name}`;
      server.seen.length = 0;
      same((await get(open({ connect: own }), url)).status, 200);
      same([server.seen[0].sni, server.seen[0].client], [HOST, 'first.mesh.test'], name);
      const untrusted = await failure(open({ connect: { ...first } })(url));
      ok(/UNABLE_TO|SELF_SIGNED/.test(untrusted.code), `${name}: ${untrusted.code}`);
      same((await get(open({ connect: { rejectUnauthorized: false } }), url)).status, 200);
      const named = { ca, servername: 'other.mesh.test' };
      // Another name is no way past the decision: it is denied, or the name that was decided is sent in its place.
      if (name === 'allowed') same((await failure(open({ connect: named })(url))).code, 'ERR_EGRESS_DENIED');
      else same((await get(open({ connect: named }), url)).status, 200);
      same(server.seen.map(({ client }) => client).slice(0, 2), ['first.mesh.test', undefined]);
      ok(server.seen.every(({ sni }) => sni === HOST));
      const checked = { ca, checkServerIdentity: () => new Error('the program says no') };
      same((await failure(open({ connect: checked })(url))).message, 'the program says no');
      uninstall();
    }
  });

  test(`${way}: its connector is kept where the policy leads elsewhere`, async () => {
    const server = await serveSecure();
    install([entry(443, 'HTTPS', server.port), route()]);
    const connector = lib.buildConnector({ ca, ...first });
    let asked = 0;
    const connect = (options, callback) => {
      asked += 1;
      return connector(options, callback);
    };
    same((await get(open({ connect }), `https://${HOST}/`)).status, 200);
    same([asked, server.seen[0].client, server.seen[0].host], [1, 'first.mesh.test', HOST]);
  });

  test(`${way}: a unix socket of its own is opened when it is listed, and not instead of a route`, async () => {
    const path = join(folder, `${way}.sock`);
    const local = await serve(undefined, { path });
    const elsewhere = await serve();
    const url = `http://${HOST}:8080/`;
    for (const options of [{ socketPath: path }, { connect: { socketPath: path } }]) {
      let uninstall = install([entry(8080)], { unixSockets: [path] });
      same((await get(open(options), url)).status, 200);
      uninstall();
      uninstall = install([entry(8080)]);
      same((await failure(open(options)(url))).code, 'ERR_EGRESS_DENIED');
      uninstall();
      uninstall = install([entry(8080, 'HTTP', elsewhere.port)], { unixSockets: [path] });
      same((await failure(open(options)(url))).code, 'ERR_EGRESS_DENIED');
      uninstall();
    }
    same([local.seen.length, elsewhere.seen.length], [2, 0]);
  });

  test(`${way}: certificates that were rotated are shown by the next connection`, async () => {
    const server = await serveSecure();
    const [cert, key] = [join(folder, `${way}.pem`), join(folder, `${way}.key`)];
    const rotate = (pair) => {
      writeFileSync(cert, pair.cert);
      writeFileSync(key, pair.key);
    };
    rotate(first);
    const tls = { mode: 'MUTUAL', sni: HOST, clientCertificate: cert, privateKey: key };
    install([entry(80, 'HTTP', server.port), rule({ tls: { ...tls, caCertificates: join(folder, 'ca.pem') } })]);
    const send = open();
    same((await get(send, `http://${HOST}/`)).status, 200);
    rotate(second);
    await wait(1100);
    same((await get(send, `http://${HOST}/last`)).status, 200);
    same((await get(send, `http://${HOST}/`)).status, 200);
    same(
      server.seen.map(({ client }) => client),
      ['first', 'first', 'second'].map((name) => `${name}.mesh.test`),
    );
  });

  test(`${way}: behind an interceptor alone it is tried again, and its connect timeout holds`, async () => {
    const port = await closedPort();
    const origin = `http://${HOST}:${port}`;
    const make = (egress, of) => {
      const made = way === 'Agent' ? new lib.Agent() : new lib[way](of);
      after.push(() => made.destroy().catch(() => undefined));
      const dispatcher = made.compose(egress.interceptor());
      return (path) => lib.request(`${of}${path}`, { dispatcher });
    };
    const send = make(egressOf([entry(port)]), origin);
    const count = connects();
    same((await failure(send('/'))).code, 'ECONNREFUSED');
    same([count(), ...facts()], [3, [3, 503, 'URX,UF']]);
    const hole = await blackHole();
    const single = route({ retries: { attempts: 0 } });
    const egress = egressOf([entry(hole), rule({ connectionPool: { tcp: { connectTimeout: '0.1s' } } }), single]);
    const late = await failure(make(egress, `http://${HOST}:${hole}`)('/'));
    same([late.code, late.cause?.code], ['ETIMEDOUT', 'ERR_EGRESS_TIMEOUT']);
    same(facts(), [[1, 503, 'UF']]);
  });
}

if (!isBuiltInFirst)
  test('Client: an option that undici refuses is refused by it, governed or not', () => {
    const make = () => {
      try {
        return new lib.Client(`https://${HOST}`, { tls: { ca }, connect: 'nonsense' });
      } catch ({ code, message }) {
        return [code, message];
      }
    };
    const plain = make();
    ok(Array.isArray(plain));
    install([entry(443, 'HTTPS')]);
    same(make(), plain);
  });

/** A port whose queue is full, so that Linux drops further attempts. */
async function blackHole() {
  const { blackHole: open } = await import('../adapters/black-hole.ts');
  const hole = await open();
  after.push(() => hole.close());
  return hole.port;
}

for (const [name, run] of cases) {
  if (!words.every((word) => name.includes(word))) continue;
  const error = await Promise.race([
    Promise.resolve()
      .then(run)
      .then(
        () => undefined,
        (reason) => String(reason?.stack ?? reason).slice(0, 1200),
      ),
    wait(15_000, 'no end after 15 s', { ref: false }),
  ]);
  for (const undo of after.splice(0).reverse()) await undo();
  console.log(JSON.stringify({ name, ...(error && { error }) }));
}
rmSync(folder, { recursive: true });
process.exit();
