/** A live change of policy, on one keep-alive agent: REGISTRY_ONLY, ALLOW_ANY, and back. */
import http from 'node:http';
import { readFileSync } from 'node:fs';
import { createEgress, loadMeshConfig, parseMeshConfig } from 'sidecarless';
import { report, viaHttp } from '../lab/client.mjs';

const mesh = new URL('./mesh/', import.meta.url).pathname;
const strict = loadMeshConfig([mesh]);
const open = parseMeshConfig([
  { text: 'outboundTrafficPolicy: {mode: ALLOW_ANY}\naccessLogFile: /dev/stdout\n', file: 'allow-any.yaml' },
  { text: readFileSync(`${mesh}httpbin.yaml`, 'utf8'), file: 'httpbin.yaml' },
]);

const egress = createEgress({ meshConfig: strict });
const agent = egress.wrapAgent(new http.Agent({ keepAlive: true, maxSockets: 1 }));
const call = 'http.get http://evil.example/';

report(`REGISTRY_ONLY: ${call}`, await viaHttp('http://evil.example/', { agent }));
egress.update(open);
report(`ALLOW_ANY: ${call}`, await viaHttp('http://evil.example/', { agent }));
report(`ALLOW_ANY, same socket: ${call}`, await viaHttp('http://evil.example/', { agent }));
egress.update(strict);
report(`REGISTRY_ONLY again: ${call}`, await viaHttp('http://evil.example/', { agent }));
await egress.close();
agent.destroy();
