/** What an application would write, shortened: each function makes one call and says in a line what it saw. */
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import { readFileSync } from 'node:fs';

const ca = () => readFileSync('certs/ca.pem');

const answer = (status, body) => {
  const text = body.trim();
  if (!text.startsWith('{')) return `${status} ${text}`.trim();
  const { server, host, via, sni, client } = JSON.parse(text);
  const facts = [
    server,
    host && `host=${host}`,
    via && `via=${via}`,
    sni && `sni=${sni}`,
    client && `client=${client}`,
  ];
  return `${status} ${facts.filter(Boolean).join(' ')}`;
};
const failure = (error) => {
  const shown = error.code ? error : (error.cause ?? error);
  return `${shown.code ?? error.name}: ${shown.message.split('\n')[0]}`;
};

/** Sends one request with node:http or node:https. */
function send(module, url, options) {
  return new Promise((resolve) => {
    const request = module.get(url, options, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk) => (body += chunk));
      response.on('end', () => resolve(answer(response.statusCode, body)));
    });
    request.on('error', (error) => resolve(failure(error)));
  });
}

export const viaHttp = (url, options = {}) => send(http, url, options);
export const viaHttps = (url, options = {}) => send(https, url, { ca: ca(), ...options });
export const viaFetch = (url) =>
  fetch(url).then(async (response) => answer(response.status, await response.text()), failure);

/** Sends PING, as to a database, and says what came back. */
export function viaTcp(host, port) {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port }, () => socket.write('PING\n'));
    socket.on('data', (data) => resolve(String(data).trim()));
    socket.on('error', (error) => resolve(failure(error)));
  });
}

/** Opens TLS and says the first line that came. */
export function viaTls(host, port) {
  return new Promise((resolve) => {
    const socket = tls.connect({ host, port, servername: host, ca: ca() });
    socket.on('data', (data) => resolve(String(data).trim()));
    socket.on('error', (error) => resolve(failure(error)));
  });
}

/** Prints one result for whoever runs this program. */
export const report = (call, saw) => console.log(`LAB ${JSON.stringify({ call, saw })}`);
