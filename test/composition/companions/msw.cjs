/** msw: handled requests are answered, the others go through. */
'use strict';
const { http, HttpResponse } = require('msw');
const { setupServer } = require('msw/node');

let server;
exports.exact = true;
exports.start = ({ forbidden }) => {
  server = setupServer(
    http.get('http://mock.mesh.test/mocked', () => HttpResponse.text('mocked')),
    http.get(`${forbidden}/mocked`, () => HttpResponse.text('mocked')),
  );
  server.listen({ onUnhandledRequest: 'bypass' });
};
exports.job = async ({ get, check, forbidden, deniedByPolicy }, { governed }) => {
  check((await get('http://mock.mesh.test/mocked')).body === 'mocked', 'http was not mocked');
  for (const url of ['http://mock.mesh.test/mocked', `${forbidden}/mocked`])
    check((await (await fetch(url)).text()) === 'mocked', `fetch was not mocked: ${url}`);
  if (governed) await deniedByPolicy(`${forbidden}/mocked`);
  else check((await get(`${forbidden}/mocked`)).body === 'mocked', 'http was not mocked');
};
exports.stop = () => server.close();
