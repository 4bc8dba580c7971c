import http2 from 'node:http2';
import net from 'node:net';
import type { Family } from '../behaviour.ts';
import type { Lab } from '../lab.ts';

const { NGHTTP2_CANCEL, NGHTTP2_REFUSED_STREAM, NGHTTP2_INTERNAL_ERROR } = http2.constants;

/** A session to `port` of localhost that is watched, and closed at the end. */
function connect(lab: Lab, port: number, options: http2.ClientSessionOptions = {}): http2.ClientHttp2Session {
  const session = lab.trace.watch('session', http2.connect(`http://localhost:${port}`, options));
  session.on('error', () => undefined);
  lab.later(() => session.destroy());
  return session;
}

function request(lab: Lab, session: http2.ClientHttp2Session, headers: object = {}, options: object = {}) {
  const stream = session.request({ ':path': '/', ...headers }, options);
  return lab.trace.watch(
    'stream',
    stream.on('error', () => undefined),
  );
}

async function text(lab: Lab, stream: http2.ClientHttp2Stream): Promise<string> {
  let body = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
  if (!stream.closed) await lab.closed(stream);
  return body;
}

const hello = (lab: Lab) =>
  lab.http2((stream, headers) => {
    stream.on('error', () => undefined);
    stream.respond({ ':status': 200, 'x-path': headers[':path'] }, { sendDate: false } as never);
    stream.end(`hello ${headers[':path']} ${String(headers[':authority']).replace(/:\d+/, '')}`);
  });

export const http2Client: Family = {
  name: 'http2-client',
  behaviours: [
    {
      name: 'a session and a stream',
      run: async (lab) => {
        const { port } = await hello(lab);
        const session = connect(lab, port);
        const stream = request(lab, session, { ':path': '/a' });
        const body = await text(lab, stream);
        const state = [
          session.alpnProtocol,
          session.encrypted,
          session.originSet,
          session.type,
          stream.id,
          stream.rstCode,
        ];
        const closed = lab.closed(session);
        session.close();
        await closed;
        return { body, state, headers: Object.keys(stream.sentHeaders) };
      },
    },
    {
      name: 'several streams on one session',
      run: async (lab) => {
        const { port } = await hello(lab);
        const session = connect(lab, port);
        const streams = ['/1', '/2', '/3'].map((path) => session.request({ ':path': path }));
        return Promise.all(streams.map((stream) => text(lab, stream)));
      },
    },
    {
      name: 'a request with a body and trailers both ways',
      run: async (lab) => {
        let seen: unknown;
        const { port } = await lab.http2((stream) => {
          let body = '';
          stream.on('data', (chunk) => (body += String(chunk)));
          stream.on('trailers', (trailers) => (seen = { ...trailers }));
          stream.on('end', () => {
            stream.respond({ ':status': 201 }, { waitForTrailers: true });
            stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '1' }));
            stream.end(body.toUpperCase());
          });
        });
        const stream = request(lab, connect(lab, port), { ':method': 'POST' }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'x-client': '2' }));
        stream.on('response', ({ date: _date, ...headers }) => lab.trace.note('response', headers));
        stream.on('trailers', (headers) => lab.trace.note('trailers', { ...headers }));
        stream.end('body');
        const body = await text(lab, stream);
        return { body, seen };
      },
    },
    {
      name: 'informational headers',
      run: async (lab) => {
        const { port } = await lab.http2((stream) => {
          stream.additionalHeaders({ ':status': 103, link: '</a>' });
          stream.respond({ ':status': 204 });
          stream.end();
        });
        const stream = request(lab, connect(lab, port));
        stream.on('headers', (headers) => lab.trace.note('headers', { ...headers }));
        stream.resume();
        await lab.closed(stream);
      },
    },
    {
      name: 'a stream that the client cancels',
      run: async (lab) => {
        let code: unknown;
        const { port } = await lab.http2((stream) => {
          stream.on('error', () => undefined).on('close', () => (code = stream.rstCode));
          stream.respond({ ':status': 200 });
          stream.write('part');
        });
        const stream = request(lab, connect(lab, port));
        stream.once('data', () => stream.close(NGHTTP2_CANCEL));
        await lab.closed(stream);
        await lab.until(() => code !== undefined);
        return { code, own: stream.rstCode, aborted: stream.aborted, destroyed: stream.destroyed };
      },
    },
    ...[
      ['NGHTTP2_REFUSED_STREAM', NGHTTP2_REFUSED_STREAM],
      ['NGHTTP2_INTERNAL_ERROR', NGHTTP2_INTERNAL_ERROR],
      ['NGHTTP2_CANCEL', NGHTTP2_CANCEL],
    ].map(([name, code]) => ({
      name: `a stream that the server resets with ${name}`,
      run: async (lab: Lab) => {
        const { port } = await lab.http2((stream) => stream.on('error', () => undefined).close(code as number));
        const stream = request(lab, connect(lab, port));
        await lab.closed(stream);
        return { code: stream.rstCode };
      },
    })),
    {
      name: 'a signal, aborted before and during',
      run: async (lab) => {
        const { port } = await lab.http2((stream) => stream.on('error', () => undefined));
        const session = connect(lab, port);
        await lab.trace.seen('session connect');
        await lab.closed(request(lab, session, {}, { signal: AbortSignal.abort() }));
        const controller = new AbortController();
        const stream = request(lab, session, {}, { signal: controller.signal });
        setTimeout(() => controller.abort(), 20);
        await lab.closed(stream);
      },
    },
    {
      name: 'destroying a stream with an error',
      run: async (lab) => {
        const { port } = await lab.http2((stream) => stream.on('error', () => undefined));
        const session = connect(lab, port);
        const stream = request(lab, session);
        await lab.trace.seen('session connect');
        stream.destroy(new Error('mine'));
        await lab.closed(stream);
      },
    },
    {
      name: 'GOAWAY: streams end, new ones are refused',
      run: async (lab) => {
        const { port } = await lab.http2((stream) => {
          stream.session?.goaway(0, stream.id ?? 1);
          stream.respond({ ':status': 200 });
          setTimeout(() => stream.end('last'), 10);
        });
        const session = connect(lab, port);
        const stream = request(lab, session);
        session.on('goaway', () => {
          lab.trace.note(
            'again',
            lab.thrown(() => session.request({ ':path': '/' })),
          );
        });
        const closed = lab.closed(session);
        const body = await text(lab, stream);
        await closed;
        return body;
      },
    },
    {
      name: 'GOAWAY with an error code',
      run: async (lab) => {
        const { port } = await lab.http2((stream) => {
          stream.on('error', () => undefined);
          stream.session?.on('error', () => undefined);
          stream.session?.goaway(NGHTTP2_INTERNAL_ERROR, 0, Buffer.from('why'));
        });
        const session = connect(lab, port);
        const stream = request(lab, session);
        await Promise.all([lab.closed(session), lab.closed(stream)]);
        return { code: stream.rstCode };
      },
    },
    {
      name: 'the server closes the connection under a stream',
      run: async (lab) => {
        const { port } = await lab.http2((stream) => {
          stream.on('error', () => undefined);
          stream.session?.destroy();
        });
        const session = connect(lab, port);
        const stream = request(lab, session);
        await Promise.all([lab.closed(session), lab.closed(stream)]);
      },
    },
    {
      name: 'flow control: a slow reader holds the server back',
      run: async (lab) => {
        let blocked = false;
        const { port } = await lab.http2((stream) => {
          stream.on('error', () => undefined);
          stream.respond({ ':status': 200 });
          blocked = !stream.write(Buffer.alloc(500_000));
          stream.end();
        });
        const session = connect(lab, port);
        const stream = request(lab, session);
        let total = 0;
        await lab.trace.seen('stream response');
        await lab.calm(20);
        const window = session.state.effectiveLocalWindowSize;
        stream.on('data', (chunk: Buffer) => (total += chunk.length));
        await lab.closed(stream);
        return { blocked, total, window };
      },
    },
    {
      name: 'settings, of both sides',
      run: async (lab) => {
        const { port } = await lab.http2((stream) => stream.respond({ ':status': 200 }, { endStream: true }), {
          settings: { maxConcurrentStreams: 7, initialWindowSize: 70_000 },
        });
        const session = connect(lab, port, { settings: { enablePush: false, initialWindowSize: 80_000 } });
        await Promise.all([lab.trace.seen('session remoteSettings'), lab.trace.seen('session localSettings')]);
        const acknowledged = await new Promise((resolve) =>
          session.settings({ maxFrameSize: 20_000 }, (error, settings) => resolve([error, settings.maxFrameSize])),
        );
        const { maxConcurrentStreams, initialWindowSize } = session.remoteSettings;
        return {
          remote: { maxConcurrentStreams, initialWindowSize },
          acknowledged,
          pending: session.pendingSettingsAck,
        };
      },
    },
    {
      name: 'ping',
      run: async (lab) => {
        const { port } = await hello(lab);
        const session = connect(lab, port);
        await lab.trace.seen('session connect');
        return new Promise((resolve) => {
          session.ping(Buffer.from('12345678'), (error, duration, payload) =>
            resolve([error, typeof duration, payload.toString()]),
          );
        });
      },
    },
    {
      name: 'push streams',
      run: async (lab) => {
        const { port } = await lab.http2((stream) => {
          stream.pushStream({ ':path': '/pushed' }, (_error, pushed) => {
            pushed.respond({ ':status': 200 });
            pushed.end('pushed');
          });
          stream.respond({ ':status': 200 });
          stream.end('asked');
        });
        const session = connect(lab, port);
        const pushed = new Promise<string>((resolve) => {
          session.on('stream', (stream, headers) => {
            lab.trace.note('stream', headers[':path']);
            resolve(text(lab, stream));
          });
        });
        const body = await text(lab, session.request({ ':path': '/' }));
        return [body, await pushed];
      },
    },
    {
      name: 'altsvc and origin frames',
      run: async (lab) => {
        const server = await lab.http2((stream) => {
          const session = stream.session as http2.ServerHttp2Session;
          session.altsvc('h2=":8000"', stream.id as number);
          session.origin('https://a.behaviour.test', 'https://b.behaviour.test');
          stream.respond({ ':status': 200 });
          stream.end();
        });
        const session = connect(lab, server.port);
        const stream = request(lab, session);
        stream.resume();
        await lab.closed(stream);
      },
    },
    {
      name: 'ECONNREFUSED of a session, and of the stream on it',
      run: async (lab) => {
        const session = connect(lab, lab.closedPort('http'));
        const stream = request(lab, session);
        await Promise.all([lab.closed(session), lab.closed(stream)]);
      },
    },
    {
      name: 'a server that speaks HTTP/1',
      run: async (lab) => {
        const { port } = await lab.raw((socket) =>
          socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
        );
        const session = connect(lab, port);
        const stream = request(lab, session);
        await Promise.all([lab.closed(session), lab.closed(stream)]);
      },
    },
    {
      name: 'session.destroy with an error and with a code',
      run: async (lab) => {
        const { port } = await lab.http2((stream) => stream.on('error', () => undefined));
        for (const argument of [new Error('mine'), NGHTTP2_INTERNAL_ERROR, undefined]) {
          const session = connect(lab, port);
          const stream = request(lab, session);
          await new Promise((resolve) => session.once('connect', resolve));
          const closed = Promise.all([lab.closed(session), lab.closed(stream)]);
          session.destroy(argument as Error);
          await closed;
        }
      },
    },
    {
      name: 'session.setTimeout',
      run: async (lab) => {
        const { port } = await lab.http2((stream) => stream.on('error', () => undefined));
        const session = connect(lab, port);
        request(lab, session);
        await lab.trace.seen('session connect');
        await new Promise<void>((resolve) => session.setTimeout(30, resolve));
        const closed = lab.closed(session);
        session.destroy();
        await closed;
      },
    },
    {
      name: 'createConnection of one’s own',
      run: async (lab) => {
        const { port } = await hello(lab);
        const createConnection = (authority: URL) => {
          lab.trace.note('createConnection', authority.protocol);
          return net.connect(port, 'localhost');
        };
        return text(lab, request(lab, connect(lab, port, { createConnection })));
      },
    },
    {
      name: 'over TLS, by ALPN',
      run: async (lab) => {
        const { port } = await lab.http2Secure((stream, headers) => {
          stream.respond({ ':status': 200 });
          stream.end(String(headers[':scheme']));
        });
        const session = http2.connect(`https://localhost:${port}`, { ca: lab.certificates.authority });
        lab.trace.watch('session', session);
        const body = await text(lab, request(lab, session));
        const { encrypted, alpnProtocol, originSet } = session;
        session.destroy();
        return { body, encrypted, alpnProtocol, originSet };
      },
    },
    {
      name: 'over TLS, with a server nobody trusts',
      run: async (lab) => {
        const { port } = await lab.http2Secure(
          (stream) => stream.respond({ ':status': 200 }),
          lab.certificates.stranger,
        );
        const session = lab.trace.watch('session', http2.connect(`https://localhost:${port}`));
        session.on('error', () => undefined);
        const stream = request(lab, session);
        await Promise.all([lab.closed(session), lab.closed(stream)]);
      },
    },
    {
      name: 'invalid requests throw at once',
      run: async (lab) => {
        const { port } = await hello(lab);
        const session = connect(lab, port);
        await lab.trace.seen('session connect');
        const results = [
          lab.thrown(() => session.request({ ':unknown': 'x' })),
          lab.thrown(() => session.request({ connection: 'close' })),
          lab.thrown(() => session.request({ ':method': 'CONNECT' })),
          lab.thrown(() => session.request({}, { endStream: 'x' as never })),
          lab.thrown(() => session.request('x' as never)),
          lab.thrown(() => http2.connect('ftp://localhost')),
          lab.thrown(() => http2.connect('no url')),
        ];
        const closed = lab.closed(session);
        session.destroy();
        await closed;
        return [...results, lab.thrown(() => session.request({ ':path': '/' }))];
      },
    },
    {
      name: 'headers as they reach the server, and the class of a stream',
      run: async (lab) => {
        const seen: unknown[] = [];
        const { port } = await lab.http2((stream, headers) => {
          seen.push({ ...headers });
          stream.respond({ ':status': 200 }, { endStream: true });
        });
        const session = connect(lab, port);
        const stream = request(lab, session, {
          ':path': '/x?y',
          'X-Mixed': 'Case',
          'x-list': ['1', '2'],
          cookie: ['a=1', 'b=2'],
        });
        stream.resume();
        await lab.closed(stream);
        return {
          seen,
          class: stream.constructor.name,
          session: session.constructor.name,
          keys: Object.keys(stream).sort(),
        };
      },
    },
    {
      name: 'respond with 404 and no body, then the session stays',
      run: async (lab) => {
        const { port } = await lab.http2((stream) => stream.respond({ ':status': 404 }, { endStream: true }));
        const session = connect(lab, port);
        for (let i = 0; i < 2; i++) {
          const stream = request(lab, session);
          stream.resume();
          await lab.closed(stream);
        }
        return { closed: session.closed, destroyed: session.destroyed };
      },
    },
  ],
};
