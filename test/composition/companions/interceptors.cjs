/** @mswjs/interceptors by itself: every request is seen, some are answered. */
'use strict';
const { BatchInterceptor } = require('@mswjs/interceptors');
const { ClientRequestInterceptor } = require('@mswjs/interceptors/ClientRequest');
const { FetchInterceptor } = require('@mswjs/interceptors/fetch');

let interceptor;
const seen = [];
exports.exact = true;
exports.start = () => {
  interceptor = new BatchInterceptor({
    name: 'test',
    interceptors: [new ClientRequestInterceptor(), new FetchInterceptor()],
  });
  interceptor.on('request', ({ request, controller }) => {
    seen.push(request.url);
    if (request.url.endsWith('/mocked')) controller.respondWith(new globalThis.Response('mocked'));
  });
  interceptor.apply();
};
exports.job = async ({ api, get, check, forbidden, deniedByPolicy }, { governed }) => {
  seen.length = 0;
  check((await get('http://mock.mesh.test/mocked')).body === 'mocked', 'http was not mocked');
  for (const url of ['http://mock.mesh.test/mocked', `${forbidden}/mocked`])
    check((await (await fetch(url)).text()) === 'mocked', `fetch was not mocked: ${url}`);
  if (governed) await deniedByPolicy(`${forbidden}/mocked`);
  else check((await get(`${forbidden}/mocked`)).body === 'mocked', 'http was not mocked');
  await get(`${api}/seen`);
  await (await fetch(`${api}/seen`)).text();
  check(seen.filter((url) => url.endsWith('/seen')).length === 2, `seen: ${seen}`);
};
exports.stop = () => interceptor.dispose();
