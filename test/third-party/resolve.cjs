/** Preloaded before the guard: the names of the test are on loopback. The library under test is not told. */
'use strict';
const dns = require('node:dns');

const isOurs = (name) => typeof name === 'string' && name.endsWith('.mesh.test') && !name.startsWith('routed.');
const { lookup } = dns;
const lookupPromise = dns.promises.lookup;

dns.lookup = function (host, options, callback) {
  const done = typeof options === 'function' ? options : callback;
  if (!isOurs(host)) return lookup.call(this, host, ...(typeof options === 'function' ? [done] : [options, done]));
  const all = typeof options === 'object' && options !== null && options.all;
  process.nextTick(() => (all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4)));
};
dns.promises.lookup = async function (host, options) {
  if (!isOurs(host)) return lookupPromise.call(this, host, options);
  const one = { address: '127.0.0.1', family: 4 };
  return typeof options === 'object' && options !== null && options.all ? [one] : one;
};
for (const [owner, promised] of [
  [dns, false],
  [dns.Resolver.prototype, false],
  [dns.promises, true],
  [dns.promises.Resolver.prototype, true],
]) {
  const { resolve4, resolve6 } = owner;
  owner.resolve4 = function (name, ...rest) {
    if (!isOurs(name)) return resolve4.call(this, name, ...rest);
    if (promised) return Promise.resolve(['127.0.0.1']);
    process.nextTick(() => rest.at(-1)(null, ['127.0.0.1']));
  };
  owner.resolve6 = function (name, ...rest) {
    if (!isOurs(name)) return resolve6.call(this, name, ...rest);
    const none = Object.assign(new Error('ENODATA'), { code: 'ENODATA' });
    if (promised) return Promise.reject(none);
    process.nextTick(() => rest.at(-1)(none));
  };
}
