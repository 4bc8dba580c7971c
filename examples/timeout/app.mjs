import { report, viaHttp } from '../lab/client.mjs';

const calls = ['http://httpbin.org/delay/1', 'http://httpbin.org/delay/5'];
const saw = await Promise.all(
  calls.map(async (url) => {
    const start = performance.now();
    const answer = await viaHttp(url);
    return `${answer} after ${Math.floor((performance.now() - start) / 1000)} s`;
  }),
);
calls.forEach((url, i) => report(`http.get ${url}`, saw[i]));
