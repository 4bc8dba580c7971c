/** Accepts every mail. */
export function smtp(socket) {
  socket.on('error', () => undefined);
  socket.write('220 loopback ESMTP\r\n');
  let inData = false;
  socket.on('data', (data) => {
    for (const line of data.toString().split('\r\n').slice(0, -1)) {
      if (inData) {
        if (line !== '.') continue;
        inData = false;
        socket.write('250 accepted\r\n');
      } else if (/^DATA/i.test(line)) {
        inData = true;
        socket.write('354 go on\r\n');
      } else if (/^QUIT/i.test(line)) socket.end('221 bye\r\n');
      else socket.write('250 ok\r\n');
    }
  });
}
