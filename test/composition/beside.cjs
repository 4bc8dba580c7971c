/**
 * One companion and this package in one process: `beside.cjs <companion> <who installs first> <who leaves first>`.
 * Prints what each scenario came to, as JSON.
 */
'use strict';
const http = require('node:http');
const { pathToFileURL } = require('node:url');
const { patchedSlots } = require('./patched-slots.cjs');

const [, , name, first, leaves] = process.argv;
const ports = JSON.parse(process.env.COMPOSITION_PORTS);
const lab = {
  api: `http://api.mesh.test:${ports.api}`,
  secure: `https://api.mesh.test:${ports.secure}`,
  forbidden: `http://denied.mesh.test:${ports.forbidden}`,
  /** Admitted by nobody, and reachable as soon as nobody governs. */
  unlisted: `http://unlisted.mesh.test:${ports.unlisted}`,
  proxy: `http://proxy.mesh.test:${ports.proxy}`,
  ports,
  get,
  check,
  deniedByPolicy: (url) => denied(get, url),
};
const results = {};
const uncaught = [];
process.on('uncaughtException', (error) => uncaught.push(String(error.stack)));
process.on('unhandledRejection', (error) => uncaught.push(String(error?.stack ?? error)));

function check(condition, message) {
  if (!condition) throw new Error(message);
}

/** Through `http.request` or `https.request` of the moment. */
function get(url, options = {}) {
  return new Promise((resolve, reject) => {
    const module = url.startsWith('https:') ? require('node:https') : require('node:http');
    module
      .get(url, options, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk) => (body += chunk));
        response.on('end', () => resolve({ status: response.statusCode, body, headers: response.headers }));
        response.on('error', reject);
      })
      .on('error', reject);
  });
}

async function fetched(url) {
  const response = await globalThis.fetch(url);
  return { status: response.status, body: await response.text() };
}

async function scenario(title, run) {
  let clock;
  const late = new Promise((_, reject) => {
    clock = setTimeout(() => reject(new Error('took longer than 15 s')), 15_000);
  });
  try {
    await Promise.race([run(), late]);
    results[title] = 'pass';
  } catch (error) {
    results[title] = `fail: ${error?.stack ?? error}`;
  } finally {
    clearTimeout(clock);
  }
}

async function denied(call, url) {
  const error = await call(url).then(
    ({ status }) => ({ message: `answered ${status}` }),
    (thrown) => thrown,
  );
  const found = [error, error?.cause, ...(error?.errors ?? [])].some((one) => one?.code === 'ERR_EGRESS_DENIED');
  check(found, `not denied: ${error?.code ?? ''} ${error?.message} ${error?.cause?.message ?? ''}`);
}

async function allowed(call, url) {
  const { status } = await call(url);
  check(status === 200, `answered ${status}`);
}

/** What must hold as long as both are there. */
async function obeyed(when) {
  for (const [client, call] of Object.entries({ http: get, fetch: fetched })) {
    await scenario(`${client} allowed ${when}`, () => allowed(call, `${lab.api}/${client}`));
    await scenario(`${client} denied ${when}`, () => denied(call, `${lab.forbidden}/${client}`));
  }
  await scenario(`https allowed ${when}`, () => allowed(get, `${lab.secure}/https`));
  await scenario(`denied again ${when}`, () => denied(get, `${lab.forbidden}/again`));
}

(async () => {
  const { createEgress, loadMeshConfig } = await import(pathToFileURL(process.env.COMPOSITION_PACKAGE));
  const log = [];
  const untouched = patchedSlots();
  const companion = require(`./companions/${name}.cjs`);
  const egress = createEgress({
    meshConfig: loadMeshConfig(process.env.COMPOSITION_POLICY),
    accessLog: (line) => log.push(line),
  });
  let uninstall;
  const ours = () => void (uninstall = egress.install());
  const theirs = async () => await companion.start(lab);
  if (first === 'ours') ours();
  await theirs();
  if (first !== 'ours') ours();

  await obeyed('beside it');
  await scenario('it does its job', () => companion.job(lab, { governed: true, first, log }));
  await scenario('the access log has its lines', async () => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    const has = (part) => log.some((line) => line.includes(part));
    for (const part of companion.logged ?? ['/http', '/https', 'api.mesh.test', 'denied.mesh.test'])
      check(has(part), `no line with ${part}: ${log.join('')}`);
  });
  await scenario('verify', async () => {
    const { layers } = await egress.verify();
    const open = layers.filter((layer) => !layer.denied && !companion.hides?.includes(layer.layer));
    check(open.length === 0, JSON.stringify(open));
  });

  if (leaves === 'theirs' && companion.stop) {
    await scenario('it leaves', () => companion.stop());
    await obeyed('after it left');
    uninstall();
  } else {
    uninstall();
    if (!companion.proxied)
      await scenario('it does its job after we left', () => companion.job(lab, { governed: false, first, log }));
    await scenario('it leaves', async () => companion.stop?.());
  }
  await scenario('nothing is governed any more', async () => {
    await allowed(get, `${lab.unlisted}/http`);
    await allowed(fetched, `${lab.unlisted}/fetch`);
  });
  await scenario('every function is back', async () => {
    // Whoever leaves while the other is still on top leaves a function underneath, which passes everything through.
    if ((first === 'ours') === (leaves === 'ours') || !companion.exact) return;
    const now = patchedSlots();
    const changed = Object.keys(untouched).filter((slot) => untouched[slot] !== now[slot]);
    check(changed.length === 0, `changed: ${changed.join(', ')}`);
  });
  await scenario('nothing uncaught', async () => check(uncaught.length === 0, uncaught.join('\n')));
  http.globalAgent.destroy?.();
  process.stdout.write(`\n@@${JSON.stringify(results)}\n`, () => process.exit(0));
})().catch((error) => {
  process.stdout.write(`\n@@${JSON.stringify({ start: `fail: ${error?.stack ?? error}` })}\n`, () => process.exit(1));
});
