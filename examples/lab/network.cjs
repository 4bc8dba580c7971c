'use strict';
/*
 * The demo's network, in place of DNS and routers: names resolve to loopback addresses, and each address:port of the
 * examples leads to the free port at which the lab's server listens. Loaded before sidecarless, outside of it: what
 * sidecarless decides and dials is what it would be in a cluster.
 *
 * LAB_NETWORK = {"names": {"httpbin.org": "127.0.1.1"}, "ports": {"127.0.1.1:80": 40123}}
 */
const dns = require('node:dns');
const net = require('node:net');

const { names, ports } = JSON.parse(process.env.LAB_NETWORK);

dns.lookup = function lookup(hostname, options, callback) {
  if (typeof options === 'function') [options, callback] = [{}, options];
  const address = net.isIP(hostname) ? hostname : names[hostname];
  process.nextTick(() => {
    if (!address) {
      const error = Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), {
        code: 'ENOTFOUND',
        syscall: 'getaddrinfo',
        hostname,
      });
      callback(error);
    } else if (options?.all) callback(null, [{ address, family: 4 }]);
    else callback(null, address, 4);
  });
};

// The last step before the kernel, as a router would do it: the prototype of the handle below a socket.
const { TCP } = process.binding('tcp_wrap');
const handlePrototype = TCP.prototype;
const connect = handlePrototype.connect;
handlePrototype.connect = function (request, address, port) {
  const mapped = ports[`${address}:${port}`];
  return connect.call(this, request, mapped ? '127.0.0.1' : address, mapped ?? port);
};
