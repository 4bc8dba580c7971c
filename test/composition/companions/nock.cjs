/** nock: declared hosts are answered, undeclared ones go through. */
'use strict';
const nock = require('nock');

exports.exact = true;
exports.start = () => {
  // The package installs itself when it is loaded; another start puts it back.
  if (!nock.isActive()) nock.activate();
};
exports.job = async ({ get, check, forbidden, deniedByPolicy }, { governed }) => {
  nock('http://mock.mesh.test').get('/mocked').times(2).reply(200, 'mocked');
  check((await get('http://mock.mesh.test/mocked')).body === 'mocked', 'http was not mocked');
  check((await (await fetch('http://mock.mesh.test/mocked')).text()) === 'mocked', 'fetch was not mocked');
  nock(forbidden).get('/mocked').times(2).reply(200, 'mocked');
  if (governed) await deniedByPolicy(`${forbidden}/mocked`);
  else check((await get(`${forbidden}/mocked`)).body === 'mocked', 'http was not mocked');
  check((await (await fetch(`${forbidden}/mocked`)).text()) === 'mocked', 'fetch to a denied host was not mocked');
  nock.cleanAll();
};
exports.stop = () => {
  nock.cleanAll();
  nock.restore();
};
