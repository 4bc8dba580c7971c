import http from 'node:http';
import net from 'node:net';
import { afterAll, afterEach, beforeAll, describe, it } from 'vitest';
import {
  closeAll,
  install,
  lookupTo,
  mesh,
  REGISTRY_ONLY,
  send,
  serviceEntry,
  tcpServer,
  type Lab,
} from '../adapters/lab.ts';
import { EVIL, expectDenied, expectNothing, HOST, pair, type Pair } from './lab.ts';

/** Names, addresses, ports, and what Node makes of them. The spellings themselves are in test/core/match/data. */
let lab: Pair;
let database: Lab;

beforeAll(async () => {
  lab = await pair(serviceEntry('*.wide.example.com', 1, 'HTTP', 'resolution: NONE'));
  database = await tcpServer();
});
afterAll(async () => {
  await lab.close();
  await database.close();
});
afterEach(closeAll);

describe('what Node takes for this machine', () => {
  it.each(['', undefined, null, 0, false, Number.NaN])('is not reached by the host %j', async (host) => {
    install(lab.policy);
    const port = lab.forbidden.port;
    await expectDenied(lab, () => net.connect({ host: host as string, port }));
    // Node has its own words for what is no text here.
    await (typeof host === 'number' || host === false ? expectNothing : expectDenied)(lab, () =>
      send(http, { host: host as string, port }),
    );
  });

  it.each([
    ['0x7f.1', '2130706433', '017700000001', '0', '127.1'],
    ['１２７。０。０。１', '①②⑦.⓪.⓪.①', 'loc\u00adalhost', 'ⓛⓞⓒⓐⓛⓗⓞⓢⓣ'],
    ['::1%.api.example.com', '::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:0.0.0.0', '0.0.0.0', '::'],
    ['::127.0.0.1', '64:ff9b::7f00:1', '2002:7f00:1::1'],
    ['a%2eb', '127.0.0.1:80', '0x', '127.0.0.1#', '127.0.0.1/', '[::1]', 'api.example.com@127.0.0.1'],
  ])('is not reached by other spellings: %s …', async (...hosts) => {
    install(lab.policy);
    for (const host of hosts) {
      await expectDenied(lab, () => net.connect({ host, port: lab.forbidden.port }), host);
      await expectDenied(lab, () => send(http, { host, port: lab.forbidden.port, headers: { host: HOST } }), host);
    }
  });

  it('is not reached behind a NUL, also with a Host header that is admitted', async () => {
    install(mesh(REGISTRY_ONLY, serviceEntry('*.example.com', lab.forbidden.port, 'HTTP', 'resolution: NONE')));
    const host = '127.0.0.1\0.api.example.com';
    const port = lab.forbidden.port;
    await expectNothing(lab, () => net.connect({ host, port }));
    await expectDenied(lab, () => send(http, { host, port, headers: { Host: HOST }, agent: false }));
  });

  it('is not reached by an answer that embeds its address', async () => {
    const answered = (address: string): Promise<unknown> =>
      send(http, { host: HOST, port: lab.web.port, lookup: lookupTo(address) });
    const metadata = ['64:ff9b::a9fe:a9fe', '2002:a9fe:a9fe::1', '2001:0:1:2:3:4:5601:5601', '::ffff:169.254.169.254'];
    install(lab.policy);
    for (const address of [...metadata, 'fd00:ec2::254', '64:ff9b::']) await expectDenied(lab, () => answered(address));
    closeAll();
    install(lab.policy, { addressGuard: 'strict' });
    for (const address of [...metadata, '::127.0.0.1', '2002:7f00:1::1', '64:ff9b::5db8:d822', '10.0.0.5'])
      await expectDenied(lab, () => answered(address), address);
  });
});

describe('ports', () => {
  it('are the number that Node dials, however they are written', async () => {
    install(mesh(REGISTRY_ONLY, serviceEntry('localhost', database.port, 'TCP')));
    const { port } = database;
    const spellings = [String(port), ` ${port}`, `${port}\n`, `+${port}`, `0x${port.toString(16)}`, `${port}e0`];
    for (const spelling of spellings) {
      const socket = net.connect({ host: 'localhost', port: spelling as unknown as number, family: 4 });
      await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
      socket.destroy();
    }
    for (const spelling of [
      String(lab.forbidden.port),
      ` ${lab.forbidden.port}`,
      `0x${lab.forbidden.port.toString(16)}`,
    ])
      await expectDenied(lab, () => net.connect({ host: 'localhost', port: spelling as unknown as number }), spelling);
  });

  it('are denied when they are 0, or become the default that Node dials', async () => {
    install(lab.policy);
    await expectDenied(lab, () => net.connect({ host: HOST, port: 0 }));
    await expectDenied(lab, () => fetch(`http://${HOST}:0/`));
    for (const port of [0, Number.NaN, '', null])
      await expectDenied(lab, () => send(http, { host: HOST, port: port as number }), String(port));
  });

  it('given alone lead to this machine, and what is no port is a path', async () => {
    install(lab.policy);
    await expectDenied(lab, () => net.connect(String(lab.forbidden.port) as unknown as number));
    await expectDenied(lab, () => net.connect(lab.forbidden.port));
    await expectDenied(lab, () => net.connect(`${lab.forbidden.port}abc`));
  });
});

describe('a host that is not text', () => {
  it('is denied in its event, and never dialled', async () => {
    install(lab.policy);
    const { port } = lab.web;
    for (const host of [[HOST], { toString: () => HOST }, new String(HOST)]) {
      await expectDenied(lab, () => net.connect({ host: host as unknown as string, port }));
      await expectNothing(lab, () => send(http, { host: host as unknown as string, port }));
    }
    await expectDenied(lab, () => net.connect({ host: EVIL, port }));
  });
});
