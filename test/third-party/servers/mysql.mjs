/** Greets, admits anybody, answers pings. */
export function mysql(socket) {
  socket.on('error', () => undefined);
  const packet = (sequence, body) => Buffer.concat([Buffer.from([body.length, 0, 0, sequence]), body]);
  const greeting = Buffer.concat([
    Buffer.from([10]),
    Buffer.from('8.0.0\0'),
    Buffer.from([1, 0, 0, 0]),
    Buffer.from('12345678\0'),
    Buffer.from([0xff, 0xf7, 33, 2, 0, 0x08, 0x80, 21]),
    Buffer.alloc(10),
    Buffer.from('123456789012\0'),
    Buffer.from('mysql_native_password\0'),
  ]);
  const ok = Buffer.from([0, 0, 0, 2, 0, 0, 0]);
  socket.write(packet(0, greeting));
  let authenticated = false;
  socket.on('data', (data) => {
    if (!authenticated) {
      authenticated = true;
      socket.write(packet(2, ok));
    } else if (data[4] === 0x0e) socket.write(packet(1, ok));
    else if (data[4] === 1) socket.end();
  });
}
