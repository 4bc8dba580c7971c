/** Node's own NODE_USE_ENV_PROXY: the default agents and `fetch` go through a proxy. */
'use strict';

exports.minNode = 24;
exports.proxied = true;
exports.env = ({ proxy }) => ({ NODE_USE_ENV_PROXY: '1', HTTP_PROXY: proxy, HTTPS_PROXY: proxy });
exports.start = () => undefined;
exports.job = async ({ api, secure, get, check }) => {
  const plain = await get(`${api}/proxied`);
  check(plain.status === 200 && plain.headers['x-proxied'] === 'yes', `${plain.status}: not through the proxy`);
  const tunnelled = await get(`${secure}/proxied`);
  check(tunnelled.status === 200, `${tunnelled.status} in the tunnel`);
  const fetched = await fetch(`${api}/proxied`);
  check(fetched.status === 200, `${fetched.status}: fetch through the proxy`);
  await fetched.text();
};
