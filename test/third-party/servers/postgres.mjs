/** One row for every query. */
export function postgres(socket) {
  socket.on('error', () => undefined);
  const message = (type, body) => {
    const head = Buffer.alloc(5);
    head.write(type);
    head.writeInt32BE(body.length + 4, 1);
    return Buffer.concat([head, body]);
  };
  const ready = message('Z', Buffer.from('I'));
  let greeted = false;
  socket.on('data', (data) => {
    if (!greeted) {
      greeted = true;
      socket.write(Buffer.concat([message('R', Buffer.alloc(4)), ready]));
    } else if (data[0] === 0x51) {
      const field = Buffer.concat([Buffer.from([0, 1]), Buffer.from('n\0'), Buffer.alloc(18)]);
      const row = Buffer.concat([Buffer.from([0, 1, 0, 0, 0, 1]), Buffer.from('1')]);
      socket.write(
        Buffer.concat([message('T', field), message('D', row), message('C', Buffer.from('SELECT 1\0')), ready]),
      );
    } else if (data[0] === 0x58) socket.end();
  });
}
