import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Family } from '../behaviour.ts';
import type { Lab } from '../lab.ts';
import { inner } from '../trace.ts';

/** Accepts the handshake, and then lets `talk` send frames. */
async function server(lab: Lab, talk: (socket: Socket, frame: Buffer | undefined) => void, more = '') {
  const listening = await lab.http(() => undefined);
  listening.server.on('upgrade', (request: { headers: { [name: string]: string } }, socket: Socket) => {
    const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash('sha1').update(key).digest('base64');
    socket.on('error', () => undefined);
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n${more}\r\n`,
    );
    socket.on('data', (frame: Buffer) => talk(socket, frame));
    talk(socket, undefined);
  });
  return listening;
}

/** An unmasked frame. */
function frame(opcode: number, payload: string | Buffer): Buffer {
  const body = Buffer.from(payload as string);
  return Buffer.concat([Buffer.from([0x80 | opcode, body.length]), body]);
}

function closing(code: number, reason: string): Buffer {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(code);
  return frame(8, Buffer.concat([head, Buffer.from(reason)]));
}

/** All events until it closes. Frames are masked at random, so what was heard is not recorded. */
async function events(
  lab: Lab,
  port: number,
  act: (socket: WebSocket) => void,
  protocols?: string[],
): Promise<unknown> {
  const socket = new WebSocket(`ws://localhost:${port}/chat?x=1`, protocols);
  const states = [socket.readyState];
  for (const name of ['open', 'message', 'error', 'close'])
    socket.addEventListener(name, (event) => {
      const fields = inner(event);
      states.push(socket.readyState);
      lab.trace.note(name, fields['data'], fields['code'], fields['reason'], fields['wasClean'], fields['message']);
    });
  const closed = lab.trace.seen('close');
  act(socket);
  await closed;
  const { protocol, extensions, url, bufferedAmount } = socket;
  return { states, protocol, extensions, url, bufferedAmount };
}

function talk(name: string, run: (lab: Lab) => Promise<unknown>) {
  return { name, since: 22, run };
}

export const webSocket: Family = {
  name: 'web-socket',
  behaviours: [
    talk('a message each way, closed by the client', async (lab) => {
      const listening = await server(lab, (socket, got) => {
        if (got === undefined) socket.write(frame(1, 'welcome'));
        else if (((got[0] ?? 0) & 15) === 8) socket.end(closing(1000, 'bye'));
      });
      const result = await events(lab, listening.port, (socket) =>
        socket.addEventListener('message', () => socket.close(1000, 'bye')),
      );
      const head = listening.heard[0]?.bytes.split('\r\n\r\n')[0]?.replace(/(sec-websocket-key: ).*/i, '$1<key>');
      listening.heard.length = 0;
      return { result, head };
    }),
    talk('closed by the server, with a code and a reason', async (lab) => {
      const listening = await server(lab, (socket, got) => {
        if (got === undefined) socket.write(closing(4001, 'go away'));
        else socket.end();
      });
      const result = await events(lab, listening.port, () => undefined);
      listening.heard.length = 0;
      return result;
    }),
    talk('the connection is lost without a close frame', async (lab) => {
      const listening = await server(lab, (socket) => void setTimeout(() => socket.destroy(), 10));
      const result = await events(lab, listening.port, () => undefined);
      listening.heard.length = 0;
      return result;
    }),
    talk('a subprotocol is agreed', async (lab) => {
      const listening = await server(
        lab,
        (socket, got) => {
          if (got) socket.end(closing(1000, ''));
        },
        'Sec-WebSocket-Protocol: two\r\n',
      );
      const result = await events(
        lab,
        listening.port,
        (socket) => socket.addEventListener('open', () => socket.close()),
        ['one', 'two'],
      );
      listening.heard.length = 0;
      return result;
    }),
    talk('a server that refuses the upgrade', async (lab) => {
      const listening = await lab.http((_request, response) => response.writeHead(403).end());
      const result = await events(lab, listening.port, () => undefined);
      listening.heard.length = 0;
      return result;
    }),
    talk('nobody listens', (lab) => events(lab, lab.closedPort('http'), () => undefined)),
    talk('closed before it is open', async (lab) => {
      const listening = await server(lab, () => undefined);
      const result = await events(lab, listening.port, (socket) => socket.close());
      listening.heard.length = 0;
      return result;
    }),
    talk('binary messages, as blob and as array buffer', async (lab) => {
      const listening = await server(lab, (socket, got) => {
        if (got === undefined) socket.write(frame(2, 'bytes'));
        else if (((got[0] ?? 0) & 15) === 8) socket.end(closing(1000, ''));
      });
      for (const binaryType of ['blob', 'arraybuffer'] as const) {
        await events(lab, listening.port, (socket) => {
          socket.binaryType = binaryType;
          socket.addEventListener('message', ({ data }) => {
            lab.trace.note('kind', (data as object).constructor.name);
            socket.close();
          });
        });
      }
      listening.heard.length = 0;
    }),
    talk('invalid arguments throw at once', async (lab) => [
      lab.thrown(() => new WebSocket('no url')),
      lab.thrown(() => new WebSocket('ftp://localhost/')),
      lab.thrown(() => new WebSocket('ws://localhost/#fragment')),
      lab.thrown(() => new WebSocket('ws://localhost/', ['a', 'a'])),
      lab.thrown(() => new (WebSocket as unknown as new () => unknown)()),
      WebSocket.name,
      WebSocket.length,
      [WebSocket.CONNECTING, WebSocket.OPEN, WebSocket.CLOSING, WebSocket.CLOSED],
    ]),
  ],
};
