/** What tracers of the older kind do: exports and prototypes wrapped with shimmer. */
'use strict';
const http = require('node:http');
const https = require('node:https');
const net = require('node:net');
const dns = require('node:dns');
const shimmer = require('shimmer');

const TARGETS = [
  [http, 'request'],
  [http, 'get'],
  [https, 'request'],
  [https, 'get'],
  [net, 'connect'],
  [dns, 'lookup'],
  [net.Socket.prototype, 'connect'],
  [http.Agent.prototype, 'addRequest'],
  [http.Agent.prototype, 'createConnection'],
  [http.ClientRequest.prototype, 'onSocket'],
];
const calls = new Map();

exports.exact = true;
exports.start = () => {
  for (const [owner, name] of TARGETS)
    shimmer.wrap(owner, name, (original) => {
      return function (...args) {
        calls.set(name, (calls.get(name) ?? 0) + 1);
        return original.apply(this, args);
      };
    });
};
exports.job = async ({ api, get, check }) => {
  calls.clear();
  await get(`${api}/shimmer`, { agent: false });
  for (const name of ['get', 'addRequest', 'createConnection', 'connect', 'onSocket', 'lookup'])
    check(calls.get(name) > 0, `${name} was not seen`);
  check(calls.get('addRequest') === 1, `${calls.get('addRequest')} requests seen instead of one`);
};
exports.stop = () => {
  for (const [owner, name] of TARGETS) shimmer.unwrap(owner, name);
};
