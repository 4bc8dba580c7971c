/** Accepts every client. */
export function mqtt(socket) {
  socket.on('error', () => undefined);
  socket.on('data', (data) => {
    if (data[0] >> 4 === 1) socket.write(Buffer.from([0x20, 2, 0, 0]));
  });
}
