import { describe, expect, it } from 'vitest';
import { parseMeshConfig } from '../../src/index.ts';
import { connectionTo, decideFor } from '../../src/testing/index.ts';
import '../../src/testing/vitest.ts';

const mesh = parseMeshConfig(`
outboundTrafficPolicy: {mode: REGISTRY_ONLY}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: httpbin}
spec:
  hosts: [httpbin.org]
  ports: [{number: 80, name: http, protocol: HTTP}, {number: 443, name: https, protocol: HTTPS}]
  resolution: DNS
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: httpbin}
spec:
  hosts: [httpbin.org]
  http:
    - match: [{port: 80}]
      timeout: 3s
      route: [{destination: {host: httpbin.org}}]
`);

describe('the matchers', () => {
  it('hold for a policy', () => {
    expect(mesh).toAllow('http://httpbin.org/get');
    expect(mesh).toAllow(new URL('https://httpbin.org/'));
    expect(mesh).toTimeOutAfter('http://httpbin.org/', 3000);
    expect(mesh).toRouteTo('http://httpbin.org/', 'outbound|80||httpbin.org');
    expect(mesh).toRouteTo('http://httpbin.org/', 'httpbin.org');
    expect(mesh).toDeny('http://evil.example/');
    expect(mesh).toDeny('evil.example:5432', 'no_service_entry');
  });
  it('hold when negated', () => {
    expect(mesh).not.toAllow('https://evil.example/');
    expect(mesh).not.toDeny('http://httpbin.org/');
    expect(mesh).not.toDeny('http://evil.example/', 'no_route');
    expect(mesh).not.toTimeOutAfter('http://httpbin.org/', 2000);
    expect(mesh).not.toRouteTo('http://httpbin.org/', 'other.example');
  });
  it('fail with the explanation and what to add', () => {
    expect(() => expect(mesh).toAllow('https://evil.example/')).toThrow(
      /expected https:\/\/evil\.example\/ to be allowed[\s\S]*no_service_entry[\s\S]*kind: ServiceEntry/,
    );
    expect(() => expect(mesh).toDeny('http://httpbin.org/')).toThrow(
      /determined by [\s\S]*VirtualService default\/httpbin/,
    );
  });
  it('answer the decision itself', () => {
    expect(decideFor(mesh, 'http://httpbin.org/').action).toBe('timeout');
  });
});

describe('connectionTo', () => {
  it('describes an https request', () => {
    expect(connectionTo('https://api.example.com:8443/v1?q=1', { method: 'POST', headers: { a: 'b' } })).toEqual({
      host: 'api.example.com',
      port: 8443,
      transport: 'tls',
      sni: 'api.example.com',
      protocol: 'http1',
      authority: 'api.example.com:8443',
      request: { method: 'POST', path: '/v1?q=1', headers: { a: 'b' }, scheme: 'https' },
    });
  });
  it('sends no SNI to an IP literal', () => {
    expect(connectionTo('https://[2001:db8::1]/')).toMatchObject({ host: '2001:db8::1', address: '2001:db8::1' });
    expect(connectionTo('https://192.0.2.1/')).not.toHaveProperty('sni');
  });
  it('describes WebSocket, TLS and TCP', () => {
    expect(connectionTo('wss://ws.example/')).toMatchObject({
      port: 443,
      transport: 'tls',
      request: { headers: { upgrade: 'websocket' } },
    });
    expect(connectionTo('tls://db.example:5432')).toMatchObject({
      transport: 'tls',
      sni: 'db.example',
      protocol: 'tcp',
    });
    expect(connectionTo('db.example:5432')).toEqual({
      host: 'db.example',
      port: 5432,
      transport: 'tcp',
      protocol: 'tcp',
    });
  });
  it.each(['ftp://a.example/', 'nonsense', 'tcp://a.example', 'http://'])('refuses %s', (target) => {
    expect(() => connectionTo(target)).toThrow(TypeError);
  });
});
