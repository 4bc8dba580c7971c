/** One client on one version of Node: run in a process of its own, and judged also by what servers and log saw. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { PROTOCOLS } from './protocols.mjs';

const here = new URL('.', import.meta.url).pathname;
const root = join(here, '../..');

/** `{ results, ms }`; without results the client does not run on that version. */
export async function runRow({ client, version, node }, lane, bundles) {
  if (client.minNode !== undefined && Number(version) < client.minNode) return {};
  lane.reset();
  const started = Date.now();
  const totals = countTotals(lane);
  const output = await runChild(client, node, lane, bundles);
  const found = /@@(\{.*\})\n/.exec(output);
  const results = found ? JSON.parse(found[1]) : { start: `fail: ${output.slice(0, 2000)}` };
  const judge = (name, good, otherwise) => (results[name] = good ? 'pass' : `fail: ${otherwise}`);
  const after = countTotals(lane);
  const grew = (name) => after[name] > totals[name];
  judge('nothing reached the denied server', !grew('forbidden'), 'connections were made');
  const servers = client.server ? [client.server] : [client.plain ?? 'http', client.secure ?? 'https'];
  judge('reached the allowed server', servers.some(grew), 'no connection was made');
  // Node's own sockets are not asked to say anything in particular, and servers that others wrote tell nothing: there the
  // answer has to be right.
  if (client.server in PROTOCOLS && !lane.real.has(client.server) && client.name !== 'net')
    judge('did its work at the server', lane.servers[client.server].operations.length > 0, 'no operation was seen');
  const lines = lane.lines();
  judge(
    'logged',
    lines.some((line) => / (200|101|0) - /.test(line)),
    `no line for what was allowed: ${lines.join(' | ').slice(0, 600)}`,
  );
  // Clients that resolve names themselves are logged by address.
  const deniedAt = ` 127.0.0.1:${lane.ports.forbidden} `;
  judge(
    'denial logged',
    lines.some((line) => line.includes('denied.mesh.test') || line.includes(deniedAt)),
    'no line for what was denied',
  );
  if (results.timeout?.startsWith('pass'))
    judge(
      'timeout logged',
      lines.some((line) => / 504 UT /.test(line)),
      `no line for the timeout: ${lines.filter((line) => line.includes('/slow')).join(' | ')}`,
    );
  return { results, ms: Date.now() - started };
}

function countTotals({ servers }) {
  return Object.fromEntries(Object.entries(servers).map(([name, { connections }]) => [name, connections]));
}

async function runChild(client, node, lane, bundles) {
  const register = process.env.MATRIX_REGISTER ?? join(root, 'dist/register.cjs');
  const preload = client.explicit ? [] : ['--require', register];
  const child = spawn(
    node,
    [
      '--expose-gc',
      ...(client.flags ?? []),
      '--require',
      join(here, 'resolve.cjs'),
      ...preload,
      join(here, 'run-client.mjs'),
      client.name,
    ],
    {
      cwd: here,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: {
        PATH: process.env.PATH,
        NODE_EXTRA_CA_CERTS: lane.authorityFile,
        NODE_NO_WARNINGS: '1',
        SIDECARLESS_CONFIG: lane.mesh,
        SIDECARLESS_WATCH: '1',
        SIDECARLESS_ACCESS_LOG: lane.log,
        MATRIX_PORTS: JSON.stringify(lane.ports),
        MATRIX_BUNDLES: bundles,
        MATRIX_LATER_POLICY: lane.laterPolicy,
        ...client.env?.(lane.ports),
      },
    },
  );
  child.on('message', ({ id, question }) => {
    if (question === 'change') lane.writePolicy({ changed: true });
    child.send({ id, answer: question === 'saw' ? lane.saw() : true });
  });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (output += chunk));
  const clock = setTimeout(() => child.kill('SIGKILL'), 600_000);
  await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(clock);
  return output;
}
