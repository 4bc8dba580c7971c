import http from 'node:http';
import https from 'node:https';
import { rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { authorityFolder, createAuthority, issueCertificate, type KeyPair } from '../tls/certificates.ts';
import {
  closeAll,
  destinationRule,
  httpServer,
  install,
  lookupTo,
  mesh,
  REGISTRY_ONLY,
  send,
  serviceEntry,
  tcpServer,
  type Lab,
} from './lab.ts';

const HOST = 'api.example.com';
let authority: KeyPair;
let secure: Lab;
let database: Lab;
let folder: string;

beforeAll(async () => {
  ({ authority, folder } = await authorityFolder());
  const identity = await issueCertificate(authority, [HOST]);
  secure = await httpServer(undefined, (listener) => https.createServer(identity, listener));
  database = await tcpServer();
});
afterAll(async () => {
  await secure.close();
  await database.close();
  rmSync(folder, { recursive: true });
});
afterEach(closeAll);

const originated = (policy: string): string[] => [
  REGISTRY_ONLY,
  serviceEntry(HOST, 80, 'HTTP', `resolution: STATIC\nendpoints: [{address: 127.0.0.1, ports: {p80: ${secure.port}}}]`),
  destinationRule(HOST, policy),
];
const get = (): ReturnType<typeof send> => send(http, { host: HOST, port: 80, agent: false });

describe('files of a DestinationRule', () => {
  it('are read again when they change: the next connection goes by what stands there', async () => {
    const file = join(folder, 'rotated.pem');
    writeFileSync(file, (await createAuthority('another authority')).cert);
    install(mesh(...originated(`tls: {mode: SIMPLE, sni: ${HOST}, caCertificates: ${file}}`)));
    expect((await get()).error?.code).toMatch(/UNABLE_TO|SELF_SIGNED|CERT_/);
    writeFileSync(file, authority.cert);
    // A file is looked at once in a second.
    await new Promise((resolve) => setTimeout(resolve, 1100));
    expect((await get()).body).toBe('ok /');
  });
});

describe('insecureSkipVerify', () => {
  it('is told once, with the name of the rule', async () => {
    const told: string[] = [];
    const listen = (warning: Error): void =>
      void (/insecureSkipVerify/.test(warning.message) && told.push(warning.message));
    process.on('warning', listen);
    install(mesh(...originated(`tls: {mode: SIMPLE, sni: ${HOST}, insecureSkipVerify: true}`)));
    for (let i = 0; i < 2; i += 1) expect((await get()).body).toBe('ok /');
    await new Promise((resolve) => setImmediate(resolve));
    process.removeListener('warning', listen);
    expect(told).toHaveLength(1);
    expect(told[0]).toContain('DestinationRule default/api-example-com');
  });
});

describe('ISTIO_MUTUAL', () => {
  it('fails with its reason: nothing leaves without the identity that the rule wants', async () => {
    install(mesh(...originated('tls: {mode: ISTIO_MUTUAL}')));
    const before = secure.connections;
    const { error } = await get();
    expect(error?.code).toBe('ERR_EGRESS_TLS');
    expect(error?.message).toContain('ISTIO_MUTUAL');
    expect(error?.message).toContain('meshCertificates');
    expect(secure.connections).toBe(before);
  });
});

describe('limits of a TCP cluster', () => {
  const limited = (pool: string): void =>
    void install(
      mesh(
        REGISTRY_ONLY,
        serviceEntry(HOST, database.port, 'TCP'),
        destinationRule(HOST, `connectionPool: {tcp: ${pool}}`),
      ),
    );
  const dial = (): net.Socket => net.connect({ host: HOST, port: database.port, lookup: lookupTo() });
  const closed = (socket: net.Socket): Promise<unknown> => new Promise((resolve) => socket.once('close', resolve));

  it('refuse the connection that is one too many, until another has ended', async () => {
    limited('{maxConnections: 1}');
    const first = dial();
    await new Promise((resolve) => first.once('connect', resolve));
    const error = await new Promise<NodeJS.ErrnoException>((resolve) => dial().once('error', resolve));
    expect(error.code).toBe('ERR_EGRESS_OVERFLOW');
    first.destroy();
    await closed(first);
    const third = dial();
    await new Promise((resolve) => third.once('connect', resolve));
    third.destroy();
    await closed(third);
  });

  it('close a connection on which nothing moves', async () => {
    limited('{idleTimeout: 0.1s}');
    const socket = dial();
    const events: string[] = [];
    socket.on('connect', () => events.push('connect'));
    await closed(socket);
    expect(events).toEqual(['connect']);
  });
});
