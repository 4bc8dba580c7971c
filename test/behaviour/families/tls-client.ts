import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import type { Family } from '../behaviour.ts';
import type { Lab } from '../lab.ts';

type Options = tls.ConnectionOptions;

function connect(lab: Lab, options: Options, onConnect?: () => void): tls.TLSSocket {
  const socket = tls.connect({ ca: lab.certificates.authority, ...options }, onConnect);
  return lab.trace.watch(
    'socket',
    socket.on('error', () => undefined),
  );
}

const echo = (lab: Lab, options: tls.TlsOptions = {}) =>
  lab.tls((socket) => void socket.on('data', (chunk) => socket.write(chunk)).on('error', () => undefined), options);

/** A handshake that fails or succeeds, and what the socket says afterwards. */
function handshake(name: string, options: (lab: Lab) => Options, server: (lab: Lab) => tls.TlsOptions = () => ({})) {
  return {
    name,
    run: async (lab: Lab) => {
      const { port } = await echo(lab, server(lab));
      const socket = connect(lab, { port, host: 'localhost', ...options(lab) });
      let state: unknown;
      socket.on('secureConnect', () => {
        const { authorized, authorizationError, alpnProtocol, encrypted } = socket;
        const subject = socket.getPeerCertificate().subject;
        const names = socket.getPeerCertificate().subjectaltname;
        const certificate = socket.getCertificate();
        state = {
          ...{ authorized, authorizationError, alpnProtocol, encrypted, subject: { ...subject }, names },
          protocol: socket.getProtocol(),
          cipher: socket.getCipher().name,
          own: certificate && 'subject' in certificate ? { ...certificate.subject } : certificate,
          servername: (socket as { servername?: unknown }).servername,
          remote: [socket.remoteAddress, socket.remoteFamily],
        };
        socket.end('hello');
      });
      socket.resume();
      await lab.closed(socket);
      return state;
    },
  };
}

/** What the server was told as its name. */
function sni(name: string, options: (lab: Lab) => Options) {
  return {
    name,
    run: async (lab: Lab) => {
      const names: unknown[] = [];
      const { port } = await lab.tls((socket) => {
        names.push((socket as { servername?: unknown }).servername);
        socket.on('error', () => undefined).end();
      });
      const socket = connect(lab, { port, host: '127.0.0.1', ...options(lab) });
      socket.resume();
      await lab.closed(socket);
      return names;
    },
  };
}

export const tlsClient: Family = {
  name: 'tls-client',
  behaviours: [
    handshake('a handshake with a trusted server', () => ({})),
    handshake('TLS 1.2', () => ({ maxVersion: 'TLSv1.2' })),
    handshake('an unknown authority', () => ({ ca: [] })),
    handshake('an unknown authority, with rejectUnauthorized: false', () => ({ ca: [], rejectUnauthorized: false })),
    handshake(
      'a certificate of another authority',
      () => ({}),
      (lab) => lab.certificates.stranger,
    ),
    handshake(
      'a certificate of another name',
      () => ({}),
      (lab) => lab.certificates.other,
    ),
    handshake(
      'a certificate of another name, with rejectUnauthorized: false',
      () => ({ rejectUnauthorized: false }),
      (lab) => lab.certificates.other,
    ),
    handshake(
      'a client certificate that is asked for',
      (lab) => lab.certificates.client,
      (lab) => ({ requestCert: true, ca: lab.certificates.authority }),
    ),
    handshake(
      'a client certificate that is missing, TLS 1.2',
      () => ({ maxVersion: 'TLSv1.2' }),
      (lab) => ({ requestCert: true, ca: lab.certificates.authority }),
    ),
    handshake(
      'ALPN agreed',
      () => ({ ALPNProtocols: ['h2', 'http/1.1'] }),
      () => ({ ALPNProtocols: ['http/1.1'] }),
    ),
    handshake('ALPN without the server', () => ({ ALPNProtocols: ['x'] })),
    handshake(
      'ALPN that does not match',
      () => ({ ALPNProtocols: ['x'] }),
      () => ({ ALPNProtocols: ['y'] }),
    ),
    handshake(
      'no version in common',
      () => ({ maxVersion: 'TLSv1.2' }),
      () => ({ minVersion: 'TLSv1.3' }),
    ),
    handshake(
      'no cipher in common',
      () => ({ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' }),
      () => ({ ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' }),
    ),
    handshake('a name by a lookup of one’s own', (lab) => ({ host: 'api.behaviour.test', lookup: lab.lookup() })),
    handshake('an address, which the certificate names', () => ({ host: '127.0.0.1' })),
    sni('SNI of a name', (lab) => ({ host: 'api.behaviour.test', lookup: lab.lookup() })),
    sni('no SNI for an address', () => ({})),
    sni('an empty servername sends none', (lab) => ({
      host: 'localhost',
      servername: '',
      ca: lab.certificates.authority,
    })),
    sni('a servername beside the host', () => ({ host: 'localhost', servername: 'localhost' })),
    {
      name: 'checkServerIdentity gets the name and the certificate, and its error is the socket’s',
      run: async (lab) => {
        const { port } = await echo(lab);
        const socket = connect(lab, {
          port,
          host: 'localhost',
          checkServerIdentity: (name, certificate) => {
            lab.trace.note('checkServerIdentity', name, { ...certificate.subject }, certificate.subjectaltname);
            return new Error('not to my liking');
          },
        });
        await lab.closed(socket);
        return { authorized: socket.authorized, why: socket.authorizationError };
      },
    },
    {
      name: 'a session is given, and resumed',
      run: async (lab) => {
        const { port } = await lab.tls((socket) => void socket.on('error', () => undefined).end('x'));
        const reused: boolean[] = [];
        let session: Buffer | undefined;
        for (let i = 0; i < 2; i++) {
          const socket = tls.connect({
            ...{ port, host: 'localhost', ca: lab.certificates.authority, maxVersion: 'TLSv1.2' },
            ...(session && { session }),
          });
          socket.on('session', (given) => (session = given));
          socket.on('secureConnect', () => reused.push(socket.isSessionReused()));
          socket.resume();
          await lab.closed(socket);
        }
        return { reused, session: session !== undefined };
      },
    },
    {
      name: 'https.Agent caches sessions',
      run: async (lab) => {
        const { port } = await lab.https((_request, response) => response.end('ok'), { maxVersion: 'TLSv1.2' });
        const agent = lab.agent(new https.Agent({ keepAlive: false }));
        const reused: unknown[] = [];
        for (let i = 0; i < 3; i++) {
          const request = https.request({ host: 'localhost', port, agent, ca: lab.certificates.authority });
          request.on('response', ({ socket }) => reused.push((socket as tls.TLSSocket).isSessionReused()));
          await lab.exchange(request);
        }
        return { reused };
      },
    },
    {
      name: 'TLS over a socket that exists',
      run: async (lab) => {
        const { port } = await echo(lab);
        const plain = lab.trace.watch('plain', net.connect(port, '127.0.0.1'));
        await lab.trace.seen('plain connect');
        const socket = connect(lab, { socket: plain, servername: 'localhost' });
        let text = '';
        socket.on('data', (chunk) => {
          text += String(chunk);
          socket.end();
        });
        socket.write('inside');
        await lab.closed(socket);
        return { text, same: socket.remoteAddress };
      },
    },
    {
      name: 'TLS over a socket that still connects',
      run: async (lab) => {
        const { port } = await echo(lab);
        const plain = net.connect(port, '127.0.0.1');
        const socket = connect(lab, { socket: plain, servername: 'localhost' });
        socket.once('data', () => socket.end());
        socket.write('inside');
        await lab.closed(socket);
      },
    },
    {
      name: 'STARTTLS: plain words first, then TLS',
      run: async (lab) => {
        const { certificates } = lab;
        const server = await lab.tcp(
          (socket) => {
            socket.write('ready');
            socket.once('data', () => {
              const secure = new tls.TLSSocket(socket, { isServer: true, ...certificates.server });
              secure.on('error', () => undefined).on('data', (chunk: Buffer) => secure.end(`secret ${String(chunk)}`));
            });
          },
          { carried: 'tls' },
        );
        const plain = net.connect(server.port, 'localhost');
        await new Promise((resolve) => plain.once('data', resolve));
        plain.write('STARTTLS');
        await lab.calm();
        const socket = connect(lab, { socket: plain, servername: 'localhost' });
        let text = '';
        socket.on('data', (chunk) => (text += String(chunk)));
        socket.write('words');
        await lab.closed(socket);
        // A handshake is random.
        server.heard.length = 0;
        return text;
      },
    },
    {
      name: 'a server that does not speak TLS',
      run: async (lab) => {
        const server = await lab.tcp((socket) => socket.end('SSH-2.0-no\r\n'), { carried: 'tls' });
        await lab.closed(connect(lab, { port: server.port, host: 'localhost' }));
        // A handshake is random.
        server.heard.length = 0;
      },
    },
    {
      name: 'a server that closes during the handshake',
      run: async (lab) => {
        const server = await lab.tcp((socket) => socket.once('data', () => socket.end()), { carried: 'tls' });
        await lab.closed(connect(lab, { port: server.port, host: 'localhost' }));
        // A handshake is random.
        server.heard.length = 0;
      },
    },
    {
      name: 'ECONNREFUSED',
      run: async (lab) => {
        await lab.closed(connect(lab, { port: lab.closedPort('tls'), host: '127.0.0.1' }));
      },
    },
    {
      name: 'the callback and secureConnect, in order',
      run: async (lab) => {
        const { port } = await echo(lab);
        const socket = connect(lab, { port, host: 'localhost' }, () => {
          lab.trace.note('callback');
          socket.end();
        });
        socket.resume();
        await lab.closed(socket);
      },
    },
    {
      name: 'the forms of tls.connect',
      run: async (lab) => {
        const { port } = await echo(lab);
        const ca = lab.certificates.authority;
        const forms = [
          () => tls.connect(port, 'localhost', { ca }),
          () => tls.connect(port, { ca, host: 'localhost' }),
          () => tls.connect({ port, ca }),
          () => tls.connect({ port, host: 'localhost', secureContext: tls.createSecureContext({ ca }) }),
        ];
        for (const form of forms) {
          const socket = lab.trace.watch('socket', form());
          socket.on('secureConnect', () => socket.end());
          socket.resume();
          await lab.closed(socket);
        }
      },
    },
    {
      name: 'invalid arguments throw at once',
      run: (lab) => {
        const port = lab.closedPort('tls');
        return [
          lab.thrown(() => tls.connect({ port, host: 'localhost', ca: 5 as never })),
          lab.thrown(() => tls.connect({ port, host: 'localhost', minVersion: 'TLSv9' as never })),
          lab.thrown(() => tls.connect({ port, host: 'localhost', ciphers: 'none' })),
          lab.thrown(() => tls.connect({ port, host: 'localhost', checkServerIdentity: 'x' as never })),
          lab.thrown(() => tls.connect({ port: 70_000, host: 'localhost' })),
          lab.thrown(() => tls.connect({ port, host: 'localhost', key: 'no key' })),
        ];
      },
    },
    {
      name: 'https: a request, its socket and its certificate',
      run: async (lab) => {
        const { port } = await lab.https((request, response) => response.end(request.url));
        const request = lab.secureRequest({ host: 'localhost', port, path: '/secure', agent: false });
        let seen: unknown;
        request.on('response', (response) => {
          const socket = response.socket as tls.TLSSocket;
          const { encrypted, authorized, alpnProtocol } = socket;
          seen = { encrypted, authorized, alpnProtocol, subject: { ...socket.getPeerCertificate().subject } };
        });
        return { body: await lab.exchange(request), seen };
      },
    },
    {
      name: 'https: keep-alive, and the name of the pool',
      run: async (lab) => {
        const { port } = await lab.https((_request, response) => response.end('ok'));
        const agent = lab.agent(new https.Agent({ keepAlive: true, ca: 'x', maxVersion: 'TLSv1.3' }));
        const ca = lab.certificates.authority;
        lab.mask(ca, '<authority>');
        const reused: boolean[] = [];
        for (let i = 0; i < 2; i++) {
          const request = https.request({ host: 'localhost', port, agent, ca });
          await lab.exchange(request);
          await lab.calm(3);
          reused.push(request.reusedSocket);
        }
        return { reused, names: Object.keys(agent.freeSockets).map((name) => name.replaceAll(ca, '<authority>')) };
      },
    },
    {
      name: 'https: an untrusted server, a wrong name, a refused connection',
      run: async (lab) => {
        const stranger = await lab.https((_request, response) => response.end('ok'), lab.certificates.stranger);
        const other = await lab.https((_request, response) => response.end('ok'), lab.certificates.other);
        for (const port of [stranger.port, other.port, lab.closedPort('tls')])
          await lab.exchange(lab.secureRequest({ host: 'localhost', port, agent: false }));
      },
    },
    {
      name: 'https: a client certificate and SNI of one’s own',
      run: async (lab) => {
        const seen: unknown[] = [];
        const { port } = await lab.https(
          (request, response) => {
            const socket = request.socket as tls.TLSSocket;
            seen.push({ ...socket.getPeerCertificate().subject }, (socket as { servername?: unknown }).servername);
            response.end('ok');
          },
          { requestCert: true, ca: lab.certificates.authority },
        );
        const request = lab.secureRequest({
          ...lab.certificates.client,
          ...{ host: 'api.behaviour.test', port, lookup: lab.lookup(), agent: false },
        });
        await lab.exchange(request);
        return seen;
      },
    },
    {
      name: 'https: a Host header of another name sets SNI, and an address sets none',
      run: async (lab) => {
        const names: unknown[] = [];
        const { port } = await lab.https((request, response) => {
          names.push((request.socket as { servername?: unknown }).servername);
          response.end('ok');
        });
        await lab.exchange(lab.secureRequest({ host: '127.0.0.1', port, agent: false }));
        await lab.exchange(lab.secureRequest({ host: 'localhost', port, agent: false }));
        return names;
      },
    },
  ],
};
