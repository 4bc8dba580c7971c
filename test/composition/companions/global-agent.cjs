/** global-agent: http and https go through a proxy, whatever agent they bring. */
'use strict';

exports.proxied = true;
/** The proxy is asked for a tunnel before there is a request to decide: the probe's listener sees the proxy. */
exports.hides = ['https.request'];
exports.start = ({ proxy }) => {
  process.env.GLOBAL_AGENT_HTTP_PROXY = proxy;
  require('global-agent').bootstrap();
};
exports.job = async ({ api, secure, get, check }) => {
  const plain = await get(`${api}/proxied`);
  check(plain.status === 200 && plain.headers['x-proxied'] === 'yes', `${plain.status}: not through the proxy`);
  const tunnelled = await get(`${secure}/proxied`);
  check(tunnelled.status === 200, `${tunnelled.status} in the tunnel`);
};
/** It has no way out by itself. */
exports.stop = undefined;
