/** The few commands with which clients introduce themselves, and PING. */
export function redis(socket) {
  socket.on('error', () => undefined);
  let text = '';
  socket.on('data', (data) => {
    text += data;
    for (;;) {
      const found = /^\*(\d+)\r\n/.exec(text);
      if (!found) return;
      const parts = text.slice(found[0].length).split('\r\n');
      const count = Number(found[1]);
      if (parts.length < count * 2 + 1) return;
      const words = parts.slice(0, count * 2).filter((_, at) => at % 2 === 1);
      text = parts.slice(count * 2).join('\r\n');
      const command = words[0].toUpperCase();
      if (command === 'PING') socket.write('+PONG\r\n');
      else if (command === 'INFO') socket.write('$19\r\nredis_version:7.0.0\r\n');
      else if (command === 'HELLO') socket.write('-ERR unknown command\r\n');
      else socket.write('+OK\r\n');
    }
  });
}
