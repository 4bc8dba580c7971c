import { report, viaFetch, viaHttp, viaHttps } from '../lab/client.mjs';

/** For one call: be told no as a sidecar says it. */
const as = (denyAs) => ({ [Symbol.for('sidecarless.call')]: { denyAs } });

report('http.get http://httpbin.org/get', await viaHttp('http://httpbin.org/get'));
report('fetch http://httpbin.org/status/418', await viaFetch('http://httpbin.org/status/418'));
report('http.get http://evil.example/', await viaHttp('http://evil.example/'));
report('fetch http://evil.example/', await viaFetch('http://evil.example/'));
report('http.get http://evil.example/ (denyAs response)', await viaHttp('http://evil.example/', as('response')));
report('https.get https://evil.example/ (denyAs reset)', await viaHttps('https://evil.example/', as('reset')));
