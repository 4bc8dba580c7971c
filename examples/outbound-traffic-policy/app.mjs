/** A live change of policy, on one keep-alive agent: REGISTRY_ONLY, ALLOW_ANY, and back. */
import http from 'node:http';
import { createEgress, loadMeshConfig } from 'sidecarless';
import { report, viaHttp } from '../lab/client.mjs';

const policy = (name) => loadMeshConfig(new URL(name, import.meta.url).pathname);

const egress = createEgress({ meshConfig: policy('mesh'), accessLog: process.env.SIDECARLESS_ACCESS_LOG });
const agent = egress.wrapAgent(new http.Agent({ keepAlive: true, maxSockets: 1 }));
const call = 'http.get http://evil.example/';

report(`REGISTRY_ONLY: ${call}`, await viaHttp('http://evil.example/', { agent }));
egress.update(policy('allow-any'));
report(`ALLOW_ANY: ${call}`, await viaHttp('http://evil.example/', { agent }));
report(`ALLOW_ANY, same socket: ${call}`, await viaHttp('http://evil.example/', { agent }));
egress.update(policy('mesh'));
report(`REGISTRY_ONLY again: ${call}`, await viaHttp('http://evil.example/', { agent }));
await egress.close();
agent.destroy();
