import net from 'node:net';
import type { Family } from '../behaviour.ts';
import type { Lab } from '../lab.ts';
import { inner } from '../trace.ts';

/** Watched from its first moment. */
function connect(lab: Lab, options: net.NetConnectOpts, onConnect?: () => void): net.Socket {
  return lab.trace.watch('socket', net.connect(options, onConnect));
}

/** Failures are recorded, not thrown. */
function quiet(socket: net.Socket): net.Socket {
  return socket.on('error', () => undefined);
}

const echo = (lab: Lab) => lab.tcp((socket) => socket.on('data', (chunk) => socket.write(chunk)));

/** A way to say where to. */
function form(name: string, call: (port: number, lab: Lab) => net.Socket) {
  return {
    name,
    run: async (lab: Lab) => {
      const { port } = await echo(lab);
      const socket = lab.trace.watch('socket', call(port, lab));
      socket.once('data', () => socket.end());
      socket.write('hello');
      await lab.closed(socket);
    },
  };
}

export const netSocket: Family = {
  name: 'net-socket',
  behaviours: [
    form('net.connect(port, host)', (port) => net.connect(port, '127.0.0.1')),
    form('net.connect(port)', (port) => net.connect(port)),
    form('net.connect(text of a port)', (port) => net.connect(String(port) as never, '127.0.0.1' as never)),
    form('net.connect({ port, host }, callback)', (port, lab) =>
      net.connect({ port, host: 'localhost' }, () => lab.trace.note('callback')),
    ),
    form('net.createConnection', (port) => net.createConnection({ port, host: '127.0.0.1' })),
    form('new net.Socket().connect(port, host, callback)', (port, lab) =>
      new net.Socket().connect(port, '127.0.0.1', () => lab.trace.note('callback')),
    ),
    form('new net.Socket().connect(options)', (port) => new net.Socket().connect({ port, host: 'localhost' })),
    form('noDelay, keepAlive and their delay as options', (port) =>
      net.connect({ port, host: '127.0.0.1', noDelay: true, keepAlive: true, keepAliveInitialDelay: 1000 }),
    ),
    form('a lookup of one’s own', (port, lab) =>
      net.connect({ port, host: 'api.behaviour.test', lookup: lab.lookup() }),
    ),
    form('localAddress and family', (port) =>
      net.connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2', family: 4 }),
    ),
    form('a timeout option that does not fire', (port) => net.connect({ port, host: '127.0.0.1', timeout: 5000 })),
    {
      ...form('an address in another spelling', (port) => net.connect({ port, host: '127.1' })),
      documented: {
        what: 'Addresses are dialled in their canonical form, without a lookup',
        lines: /^socket (lookup|connectionAttempt|resume)/,
      },
    },
    {
      name: 'a unix socket',
      run: async (lab) => {
        const path = lab.socketPath('net');
        await lab.tcp((socket) => socket.end('bye'), { path });
        const socket = connect(lab, { path });
        socket.resume();
        await lab.closed(socket);
      },
    },
    {
      name: 'what a socket says of itself while it connects, is connected, and is closed',
      run: async (lab) => {
        const { port } = await echo(lab);
        const socket = net.connect(port, '127.0.0.1');
        const state = () => ({
          ready: socket.readyState,
          flags: [socket.connecting, socket.pending, socket.destroyed, socket.closed],
          remote: [socket.remoteAddress, socket.remotePort, socket.remoteFamily],
          local: [socket.localAddress, socket.localFamily],
          bytes: [socket.bytesRead, socket.bytesWritten],
          tried: socket.autoSelectFamilyAttemptedAddresses,
        });
        const states = [state()];
        socket.write('hello');
        states.push(state());
        await new Promise((resolve) => socket.once('data', resolve));
        states.push(state());
        socket.destroy();
        await lab.closed(socket);
        states.push(state());
        return states;
      },
    },
    {
      name: 'ECONNREFUSED at an address',
      run: async (lab) => {
        await lab.closed(quiet(connect(lab, { port: lab.closedPort('tcp'), host: '127.0.0.1' })));
      },
    },
    {
      name: 'ECONNREFUSED at a name, by the system’s own lookup',
      run: async (lab) => {
        await lab.closed(quiet(connect(lab, { port: lab.closedPort('tcp'), host: 'localhost' })));
      },
    },
    {
      name: 'a refused connection nobody listens to',
      run: async (lab) => {
        await lab.closed(connect(lab, { port: lab.closedPort('tcp'), host: '127.0.0.1' }));
      },
    },
    {
      name: 'a name that does not resolve',
      run: async (lab) => {
        await lab.closed(quiet(connect(lab, { port: lab.closedPort('tcp'), host: 'nowhere.behaviour.test' })));
      },
    },
    {
      name: 'a unix socket that is not there',
      run: async (lab) => {
        await lab.closed(quiet(connect(lab, { path: lab.socketPath('gone') })));
      },
    },
    {
      name: 'happy eyeballs: the first address refuses, the second takes',
      run: async (lab) => {
        const { port } = await echo(lab);
        const lookup = lab.lookup('::1', '127.0.0.1');
        const socket = connect(lab, { port, host: 'api.behaviour.test', lookup, autoSelectFamily: true });
        socket.once('data', () => socket.end());
        socket.write('x');
        await lab.closed(socket);
        return { tried: socket.autoSelectFamilyAttemptedAddresses };
      },
    },
    {
      name: 'happy eyeballs: all refuse, and the error names each',
      run: async (lab) => {
        const lookup = lab.lookup('::1', '127.0.0.1', '127.0.0.2');
        const port = lab.closedPort('tcp');
        const socket = quiet(connect(lab, { port, host: 'api.behaviour.test', lookup, autoSelectFamily: true }));
        await lab.closed(socket);
        return { tried: socket.autoSelectFamilyAttemptedAddresses };
      },
    },
    {
      name: 'autoSelectFamily: false takes the first address',
      run: async (lab) => {
        const lookup = lab.lookup('127.0.0.2', '127.0.0.1');
        const port = lab.closedPort('tcp');
        await lab.closed(quiet(connect(lab, { port, host: 'api.behaviour.test', lookup, autoSelectFamily: false })));
      },
    },
    {
      name: 'autoSelectFamily with one address',
      run: async (lab) => {
        const { port } = await echo(lab);
        const lookup = lab.lookup('127.0.0.1');
        const socket = connect(lab, { port, host: 'api.behaviour.test', lookup, autoSelectFamily: true });
        socket.on('connect', () => socket.end());
        socket.resume();
        await lab.closed(socket);
        return { tried: socket.autoSelectFamilyAttemptedAddresses ?? null };
      },
    },
    {
      name: 'a lookup with its options',
      run: async (lab) => {
        const { port } = await echo(lab);
        for (const more of [{ family: 4 }, { hints: 0 }, { family: 0, autoSelectFamily: false }]) {
          const socket = connect(lab, { port, host: 'api.behaviour.test', lookup: lab.lookup(), ...more });
          socket.on('connect', () => socket.end());
          socket.resume();
          await lab.closed(socket);
        }
      },
    },
    {
      name: 'a lookup that fails, and one that answers for another family',
      run: async (lab) => {
        const port = lab.closedPort('tcp');
        const failing = ((_host: string, _options: object, callback: (error: Error) => void) =>
          setImmediate(
            callback,
            Object.assign(new Error('no such name'), { code: 'ENOTFOUND', hostname: 'x' }),
          )) as never;
        await lab.closed(quiet(connect(lab, { port, host: 'api.behaviour.test', lookup: failing })));
        const odd = ((_host: string, _options: object, callback: (...args: unknown[]) => void) =>
          setImmediate(callback, null, '::1', 6)) as never;
        const options = { port, host: 'api.behaviour.test', lookup: odd, family: 4, autoSelectFamily: false };
        await lab.closed(quiet(connect(lab, options)));
      },
    },
    {
      name: 'half-open: the server ends, the client goes on',
      run: async (lab) => {
        const { port } = await lab.tcp((socket) => socket.end('done'), { allowHalfOpen: true });
        const socket = connect(lab, { port, host: '127.0.0.1', allowHalfOpen: true });
        socket.on('end', () => {
          const states = [socket.readyState, socket.readableEnded, socket.writableEnded];
          lab.trace.note('half', ...states);
          setTimeout(() => socket.end('still here'), 10);
        });
        socket.resume();
        await lab.closed(socket);
      },
    },
    {
      name: 'without half-open the client ends when the server does',
      run: async (lab) => {
        const { port } = await lab.tcp((socket) => socket.end('done'));
        const socket = connect(lab, { port, host: '127.0.0.1' });
        socket.resume();
        await lab.closed(socket);
        return { ended: socket.writableEnded, finished: socket.writableFinished };
      },
    },
    {
      name: 'the client ends first and still reads',
      run: async (lab) => {
        const { port } = await lab.tcp((socket) => socket.resume().on('end', () => socket.end('after your end')), {
          allowHalfOpen: true,
        });
        const socket = connect(lab, { port, host: '127.0.0.1' });
        let text = '';
        socket.on('data', (chunk) => (text += String(chunk)));
        socket.end('the end');
        await lab.closed(socket);
        return text;
      },
    },
    {
      name: 'a reset by the server',
      run: async (lab) => {
        const { port } = await lab.tcp((socket) => socket.once('data', () => socket.resetAndDestroy()));
        const socket = quiet(connect(lab, { port, host: '127.0.0.1' }));
        socket.write('x');
        await lab.closed(socket);
      },
    },
    {
      name: 'resetAndDestroy by the client',
      run: async (lab) => {
        const server = await echo(lab);
        const socket = quiet(connect(lab, { port: server.port, host: '127.0.0.1' }));
        socket.once('data', () => socket.resetAndDestroy());
        socket.write('x');
        await lab.closed(socket);
        await lab.until(() => server.heard[0]?.events.includes('close') ?? false);
        return server.heard[0]?.events;
      },
    },
    {
      name: 'destroy while connecting, with and without an error',
      run: async (lab) => {
        const { port } = await echo(lab);
        for (const error of [undefined, new Error('mine')]) {
          const socket = quiet(connect(lab, { port, host: '127.0.0.1' }));
          socket.destroy(error);
          await lab.closed(socket);
        }
      },
    },
    {
      name: 'destroy while looking up',
      run: async (lab) => {
        const { port } = await echo(lab);
        const socket = connect(lab, { port, host: 'api.behaviour.test', lookup: lab.lookup() });
        socket.destroy();
        await lab.closed(socket);
        await lab.calm();
      },
    },
    {
      name: 'a signal, aborted before and while connecting',
      run: async (lab) => {
        const { port } = await echo(lab);
        const before = quiet(new net.Socket({ signal: AbortSignal.abort() }));
        lab.trace.watch('socket', before).connect(port, '127.0.0.1');
        await lab.closed(before);
        const controller = new AbortController();
        const during = quiet(new net.Socket({ signal: controller.signal }));
        lab.trace.watch('socket', during).connect(port, '127.0.0.1');
        controller.abort();
        await lab.closed(during);
      },
    },
    {
      name: 'setTimeout fires and leaves the socket open',
      run: async (lab) => {
        const { port } = await echo(lab);
        const socket = connect(lab, { port, host: '127.0.0.1', timeout: 30 });
        await lab.trace.seen('socket timeout');
        const { readyState } = socket;
        socket.destroy();
        await lab.closed(socket);
        return readyState;
      },
    },
    {
      name: 'write before the connection is there, and its callbacks',
      run: async (lab) => {
        const { port } = await echo(lab);
        const socket = connect(lab, { port, host: '127.0.0.1' });
        const wrote = [
          socket.write('a', () => lab.trace.note('wrote a')),
          socket.write('b', () => lab.trace.note('wrote b')),
        ];
        const pending = socket.bytesWritten;
        socket.once('data', () => socket.end());
        await lab.closed(socket);
        return { wrote, pending };
      },
    },
    {
      name: 'write after end and after destroy',
      run: async (lab) => {
        const { port } = await echo(lab);
        const socket = quiet(connect(lab, { port, host: '127.0.0.1' }));
        await lab.trace.seen('socket connect');
        socket.end();
        const late = socket.write('late', (error) => lab.trace.note('late', error));
        await lab.closed(socket);
        const dead = socket.write('dead', (error) => lab.trace.note('dead', error));
        await lab.calm(5);
        return { late, dead };
      },
    },
    {
      name: 'back-pressure: write is false, drain comes',
      run: async (lab) => {
        let accepted: net.Socket | undefined;
        const server = await lab.tcp((socket) => void (accepted = socket.pause()));
        const socket = connect(lab, { port: server.port, host: '127.0.0.1' });
        await lab.trace.seen('socket connect');
        const wrote = socket.write(Buffer.alloc(8_000_000));
        const need = socket.writableNeedDrain;
        await lab.until(() => accepted !== undefined);
        const drained = lab.trace.seen('socket drain');
        setTimeout(() => accepted?.resume(), 10);
        await drained;
        socket.destroy();
        await lab.closed(socket);
        server.heard.length = 0;
        return { wrote, need, bytes: socket.bytesWritten };
      },
    },
    {
      name: 'onread with a buffer of one’s own',
      run: async (lab) => {
        const { port } = await echo(lab);
        const buffer = Buffer.alloc(16);
        const text = await new Promise((resolve) => {
          const socket = connect(lab, {
            port,
            host: '127.0.0.1',
            onread: {
              buffer,
              callback: (size, given) => {
                resolve(Buffer.from(given).toString('latin1', 0, size));
                socket.destroy();
                return true;
              },
            },
          });
          socket.write('into it');
        });
        return text;
      },
    },
    {
      name: 'reconnecting a closed socket',
      run: async (lab) => {
        const { port } = await echo(lab);
        const socket = connect(lab, { port, host: '127.0.0.1' });
        socket.on('connect', () => socket.end());
        socket.resume();
        await lab.closed(socket);
        socket.connect(port, '127.0.0.1');
        await lab.closed(socket);
      },
    },
    {
      name: 'setNoDelay, setKeepAlive, ref and unref give the socket',
      run: async (lab) => {
        const { port } = await echo(lab);
        const socket = connect(lab, { port, host: '127.0.0.1' });
        const same = [
          socket.setNoDelay(),
          socket.setKeepAlive(true, 1000),
          socket.ref(),
          socket.unref(),
          socket.ref(),
          socket.setTimeout(0),
          socket.setEncoding('utf8'),
        ].map((one) => one === socket);
        socket.on('connect', () => socket.end());
        socket.resume();
        await lab.closed(socket);
        return same;
      },
    },
    {
      name: 'a BlockList of the caller’s',
      since: 22,
      run: async (lab) => {
        const { port } = await echo(lab);
        const blockList = new net.BlockList();
        blockList.addAddress('127.0.0.1');
        await lab.closed(quiet(connect(lab, { port, host: '127.0.0.1', blockList })));
        const lookup = lab.lookup('127.0.0.1');
        await lab.closed(quiet(connect(lab, { port, host: 'api.behaviour.test', lookup, blockList })));
      },
    },
    {
      name: 'invalid arguments throw at once',
      run: (lab) => {
        const port = lab.closedPort('tcp');
        return [
          lab.thrown(() => net.connect({ port: -1, host: '127.0.0.1' })),
          lab.thrown(() => net.connect({ port: 65_536, host: '127.0.0.1' })),
          lab.thrown(() => net.connect({ port: 'x' as never, host: '127.0.0.1' })),
          lab.thrown(() => net.connect({ port: Number.NaN, host: '127.0.0.1' })),
          lab.thrown(() => net.connect({} as never)),
          lab.thrown(() => net.connect({ port, host: 'localhost', lookup: 5 as never })),
          lab.thrown(() => net.connect({ port, host: 'localhost', localAddress: 'x' })),
          lab.thrown(() => net.connect({ port, host: 'localhost', localPort: 'x' as never })),
          lab.thrown(() => net.connect({ port, host: 'localhost', hints: 7 })),
          lab.thrown(() => net.connect({ port, host: 'localhost', autoSelectFamily: 'x' as never })),
          lab.thrown(() => net.connect({ path: 5 as never })),
          lab.thrown(() => new net.Socket().connect(undefined as never)),
        ];
      },
    },
    {
      name: 'a host that is no text',
      documented: { what: 'A host that is no text is denied, where Node throws', lines: /./ },
      run: (lab) => lab.thrown(() => net.connect({ port: lab.closedPort('tcp'), host: {} as never })),
    },
    {
      name: 'how often getters of the options are read',
      // NODE 20 spreads the options once more before `connect` sees them, governed or not.
      run: async (lab) => {
        const { port } = await echo(lab);
        const reads: { [name: string]: number } = {};
        const given = {};
        for (const [name, value] of Object.entries({ host: '127.0.0.1', port }))
          Object.defineProperty(given, name, {
            enumerable: true,
            get: () => {
              reads[name] = (reads[name] ?? 0) + 1;
              return value;
            },
          });
        const socket = lab.trace.watch('socket', new net.Socket()).connect(given as never);
        socket.on('connect', () => socket.end());
        socket.resume();
        await lab.closed(socket);
        return Object.keys(reads).sort();
      },
    },
    {
      name: 'two connections at the same time',
      run: async (lab) => {
        const { port } = await echo(lab);
        const sockets = [1, 2].map(() => net.connect(port, '127.0.0.1'));
        const texts = await Promise.all(
          sockets.map(
            (socket, index) =>
              new Promise((resolve) => {
                socket.once('data', (chunk) => resolve(String(chunk)));
                socket.write(`socket ${index}`);
              }),
          ),
        );
        for (const socket of sockets) socket.destroy();
        await lab.calm(5);
        return { texts, handles: sockets.map((socket) => inner(socket)['_handle'] === null) };
      },
    },
  ],
};
