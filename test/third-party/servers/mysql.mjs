/** MySQL: anybody may log in, TLS on request, and `SELECT 'text' AS name` gives its row. */
import { buffered, upgrade } from './listen.mjs';

const CLIENT_SSL = 0x800;
const GREETING = Buffer.concat([
  Buffer.from([10]),
  Buffer.from('8.0.0\0'),
  Buffer.from([1, 0, 0, 0]),
  Buffer.from('12345678\0'),
  // Capabilities: protocol 4.1, TLS, secure connection, authentication plugins; no compression, no "EOF deprecated".
  Buffer.from([0x01, 0x8a, 33, 2, 0, 0x08, 0x00, 21]),
  Buffer.alloc(10),
  Buffer.from('123456789012\0'),
  Buffer.from('mysql_native_password\0'),
]);
const OK = Buffer.from([0, 0, 0, 2, 0, 0, 0]);
const EOF = Buffer.from([0xfe, 0, 0, 2, 0]);

export function mysql(certificate) {
  return (socket, told) => {
    socket.write(packet(0, GREETING));
    talk(socket, told, certificate);
  };
}

function talk(socket, told, certificate) {
  let greeted = false;
  buffered(socket, (data) => {
    if (data.length < 4 || data.length < data.readUIntLE(0, 3) + 4) return undefined;
    const body = data.subarray(4, data.readUIntLE(0, 3) + 4);
    if (!greeted) {
      // A login that ends after its fixed head asks for TLS first.
      if (body.length === 32 && body.readUInt32LE(0) & CLIENT_SSL) {
        talk(upgrade(socket, certificate, data.subarray(body.length + 4)), told, certificate);
        return undefined;
      }
      greeted = true;
      socket.write(packet(data[3] + 1, OK));
    } else if (body[0] === 0x01) socket.end();
    else if (body[0] === 0x03) {
      const sql = body.toString('utf8', 1);
      told(sql);
      socket.write(answer(sql));
    } else socket.write(packet(1, OK));
    return data.subarray(body.length + 4);
  });
}

function answer(sql) {
  const found = /^SELECT '([^']*)' AS (\w+)$/.exec(sql);
  if (!found) return packet(1, Buffer.from('\xff\x28\x04#42000syntax error', 'latin1'));
  const [, value, name] = found;
  const column = Buffer.concat([
    ...['def', '', '', '', name, ''].map(text),
    // utf8mb4, 255 bytes, VAR_STRING
    Buffer.from([0x0c, 45, 0, 255, 0, 0, 0, 0xfd, 0, 0, 0, 0, 0]),
  ]);
  const rows = [Buffer.from([1]), column, EOF, text(value), EOF];
  return Buffer.concat(rows.map((body, index) => packet(index + 1, body)));
}

function text(value) {
  return Buffer.concat([Buffer.from([Buffer.byteLength(value)]), Buffer.from(value)]);
}

function packet(sequence, body) {
  return Buffer.concat([Buffer.from([body.length, 0, 0, sequence]), body]);
}
