/** SMTP: accepts every mail; STARTTLS where a certificate is given. */
import { upgrade } from './listen.mjs';

export function smtp(certificate) {
  return (socket, told) => {
    socket.write('220 loopback ESMTP\r\n');
    talk(socket, told, certificate);
  };
}

function talk(socket, told, certificate) {
  let text = '';
  let recipient = '';
  let inData = false;
  socket.on('data', (data) => {
    text += data;
    const lines = text.split('\r\n');
    text = lines.pop();
    for (const line of lines) {
      if (inData) {
        if (line !== '.') continue;
        inData = false;
        told(`mail to ${recipient}`);
        socket.write('250 accepted\r\n');
      } else if (/^EHLO/i.test(line))
        socket.write(certificate ? '250-loopback\r\n250 STARTTLS\r\n' : '250 loopback\r\n');
      else if (/^STARTTLS/i.test(line) && certificate) {
        socket.write('220 go on\r\n');
        talk(upgrade(socket, certificate), told);
      } else if (/^RCPT TO:/i.test(line)) {
        recipient = line.slice(8).trim();
        socket.write('250 ok\r\n');
      } else if (/^DATA/i.test(line)) {
        inData = true;
        socket.write('354 go on\r\n');
      } else if (/^QUIT/i.test(line)) socket.end('221 bye\r\n');
      else socket.write('250 ok\r\n');
    }
  });
}
