/** As much of RFC 6455 as a server needs that only talks. */
import { createHash } from 'node:crypto';

export function acceptWebSocket(socket, key) {
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
}

/** Shorter than 126 bytes. */
export function textFrame(text) {
  return Buffer.from([0x81, Buffer.byteLength(text), ...Buffer.from(text)]);
}
