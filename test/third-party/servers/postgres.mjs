/** PostgreSQL: anybody may log in, TLS on request, and `SELECT 'text' AS name` gives its row. */
import { buffered, upgrade } from './listen.mjs';

const SSL_REQUEST = 80877103;
const READY = message('Z', Buffer.from('I'));

export function postgres(certificate) {
  return (socket, told) => talk(socket, told, certificate);
}

function talk(socket, told, certificate) {
  let greeted = false;
  buffered(socket, (data) => {
    if (!greeted) {
      if (data.length < 8 || data.length < data.readInt32BE(0)) return undefined;
      if (data.readInt32BE(4) === SSL_REQUEST) {
        socket.write('S');
        talk(upgrade(socket, certificate, data.subarray(8)), told, certificate);
        return undefined;
      }
      greeted = true;
      socket.write(Buffer.concat([message('R', Buffer.alloc(4)), READY]));
      return data.subarray(data.readInt32BE(0));
    }
    if (data.length < 5 || data.length < data.readInt32BE(1) + 1) return undefined;
    const end = data.readInt32BE(1) + 1;
    if (data[0] === 0x58) socket.end();
    if (data[0] === 0x51) {
      const sql = data.toString('utf8', 5, end - 1);
      told(sql);
      socket.write(answer(sql));
    }
    return data.subarray(end);
  });
}

function answer(sql) {
  const found = /^SELECT '([^']*)' AS (\w+)$/.exec(sql);
  if (!found) return Buffer.concat([message('E', Buffer.from('SERROR\0C42601\0Msyntax error\0\0')), READY]);
  const [, text, name] = found;
  const type = Buffer.alloc(18);
  type.writeInt32BE(25, 6);
  type.writeInt16BE(-1, 10);
  type.writeInt32BE(-1, 12);
  const size = Buffer.alloc(4);
  size.writeInt32BE(Buffer.byteLength(text));
  return Buffer.concat([
    message('T', Buffer.concat([Buffer.from([0, 1]), Buffer.from(`${name}\0`), type])),
    message('D', Buffer.concat([Buffer.from([0, 1]), size, Buffer.from(text)])),
    message('C', Buffer.from('SELECT 1\0')),
    READY,
  ]);
}

function message(type, body) {
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}
