/** The functions of Node that anyone in this business replaces, each under a name: to compare before and after. */
'use strict';
const dns = require('node:dns');
const http = require('node:http');
const https = require('node:https');
const http2 = require('node:http2');
const net = require('node:net');
const tls = require('node:tls');

const OWNERS = {
  http,
  https,
  http2,
  net,
  tls,
  dns,
  'dns.promises': dns.promises,
  'dns.Resolver.prototype': dns.Resolver.prototype,
  'dns.promises.Resolver.prototype': dns.promises.Resolver.prototype,
  'http.Agent.prototype': http.Agent.prototype,
  'https.Agent.prototype': https.Agent.prototype,
  'http.ClientRequest.prototype': http.ClientRequest.prototype,
  'http.OutgoingMessage.prototype': http.OutgoingMessage.prototype,
  'net.Socket.prototype': net.Socket.prototype,
  'tls.TLSSocket.prototype': tls.TLSSocket.prototype,
  Module: require('node:module'),
};
/** Loaded by Node when they are first read or called: compared by their descriptors. */
const GLOBALS = ['fetch', 'WebSocket', 'EventSource'];

const names = new WeakMap();
let count = 0;

/** Which object it is, as a string. */
function identity(value) {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return String(value);
  if (!names.has(value)) names.set(value, `#${(count += 1)}`);
  return names.get(value);
}

function describe(owner, key) {
  const descriptor = Object.getOwnPropertyDescriptor(owner, key);
  if (!descriptor) return 'absent';
  const { value, get, set, writable, enumerable, configurable } = descriptor;
  return [identity(value), identity(get), identity(set), writable, enumerable, configurable].join(' ');
}

exports.patchedSlots = () => {
  const slots = {};
  for (const [name, owner] of Object.entries(OWNERS))
    for (const key of Reflect.ownKeys(owner)) {
      const descriptor = Object.getOwnPropertyDescriptor(owner, key);
      if (typeof descriptor.value === 'function' || descriptor.get)
        slots[`${name}.${String(key)}`] = describe(owner, key);
    }
  for (const key of GLOBALS) slots[`globalThis.${key}`] = describe(globalThis, key);
  return slots;
};
