import http from 'node:http';
import { report, viaHttp } from '../lab/client.mjs';

const agent = new http.Agent({ keepAlive: true, maxSockets: 20 });
const counts = { v1: 0, v2: 0 };
await Promise.all(
  Array.from({ length: 1000 }, async () => {
    const [, version] = (await viaHttp('http://reviews.example/', { agent })).split(' ');
    counts[version] = (counts[version] ?? 0) + 1;
  }),
);
agent.destroy();
report(
  '1000 x http.get http://reviews.example/',
  Object.entries(counts)
    .map(([version, n]) => `${version}: ${n}`)
    .join(', '),
);
