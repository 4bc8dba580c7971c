/** Engine.IO 4 and Socket.IO 5, as far as to the first `connect`. */
import { textFrame } from './web-socket.mjs';

const open = (sid) => `0${JSON.stringify({ sid, upgrades: [], pingInterval: 25_000, pingTimeout: 20_000 })}`;
const connected = (sid) => `40${JSON.stringify({ sid })}`;

const polled = new Set();
let count = 0;

/** Over polling: undefined leaves the poll open, as a server with nothing to say does. */
export function engineIo(method, url) {
  if (method === 'POST') return 'ok';
  const sid = new URL(url, 'http://localhost').searchParams.get('sid');
  if (sid === null) return open(`s${(count += 1)}`);
  if (polled.has(sid)) return undefined;
  polled.add(sid);
  return connected(sid);
}

export function greetSocketIo(socket) {
  const sid = `s${(count += 1)}`;
  socket.write(textFrame(open(sid)));
  socket.write(textFrame(connected(sid)));
}
