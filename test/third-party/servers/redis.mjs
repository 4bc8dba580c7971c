/** Redis, RESP2: SET, GET, DEL and what clients introduce themselves with. */
import { buffered } from './listen.mjs';

const bulk = (value) => (value === undefined ? '$-1\r\n' : `$${Buffer.byteLength(value)}\r\n${value}\r\n`);

export function redis() {
  const values = new Map();
  const answers = {
    PING: () => '+PONG\r\n',
    INFO: () => bulk('redis_version:7.0.0\r\n'),
    HELLO: () => '-ERR unknown command\r\n',
    SET: ([key, value]) => (values.set(key, value), '+OK\r\n'),
    GET: ([key]) => bulk(values.get(key)),
    DEL: ([key]) => `:${values.delete(key) ? 1 : 0}\r\n`,
  };
  return (socket, told) =>
    buffered(socket, (data) => {
      const command = readCommand(data);
      if (!command) return undefined;
      const [name, ...args] = command.words;
      const verb = name.toUpperCase();
      if (verb === 'SET' || verb === 'GET') told(`${verb} ${args[0]}`);
      socket.write((answers[verb] ?? (() => '+OK\r\n'))(args));
      return data.subarray(command.length);
    });
}

/** An array of bulk strings, once all of it is there. */
function readCommand(data) {
  const line = (from) => {
    const end = data.indexOf('\r\n', from);
    return end < 0 ? undefined : { text: data.toString('latin1', from, end), next: end + 2 };
  };
  const head = line(0);
  if (!head) return undefined;
  const words = [];
  let at = head.next;
  for (let left = Number(head.text.slice(1)); left > 0; left -= 1) {
    const size = line(at);
    if (!size) return undefined;
    const end = size.next + Number(size.text.slice(1));
    if (data.length < end + 2) return undefined;
    words.push(data.toString('utf8', size.next, end));
    at = end + 2;
  }
  return { words, length: at };
}
