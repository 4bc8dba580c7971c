/** One client under the guard, in a process of its own: prints what each scenario came to, as JSON. */
import { clients } from './clients.mjs';
import { runGrpc } from './run-grpc.mjs';
import { runHttp } from './run-http.mjs';
import { runTcp } from './run-tcp.mjs';
import { check, results, scenario, uncaught } from './scenarios.mjs';

const RUNS = { http: runHttp, grpc: runGrpc, tcp: runTcp };

const client = clients.find(({ name }) => name === process.argv[2]);
try {
  await RUNS[client.kind](client);
} catch (error) {
  results.start = `fail: ${error?.stack ?? error}`;
}
await scenario('nothing uncaught', async () => check(uncaught.length === 0, uncaught.join('\n')));
// Sockets that were closed last are logged when they are really gone.
await new Promise((resolve) => setTimeout(resolve, 100));
process.stdout.write(`\n@@${JSON.stringify(results)}\n`, () => process.exit(0));
