/** MongoDB: a standalone server that keeps what is inserted and finds it by equality. */
import { createRequire } from 'node:module';
import { buffered } from './listen.mjs';

// It comes with the client.
const require = createRequire(import.meta.url);
const { serialize, deserialize } = require('bson');

const OP_REPLY = 1;
const OP_QUERY = 2004;
const OP_MSG = 2013;
const HELLO = {
  isWritablePrimary: true,
  ismaster: true,
  maxBsonObjectSize: 16_777_216,
  maxMessageSizeBytes: 48_000_000,
  maxWriteBatchSize: 100_000,
  minWireVersion: 0,
  maxWireVersion: 21,
  readOnly: false,
};

export function mongodb() {
  const collections = new Map();
  const commands = {
    insert: ({ insert, documents }) => {
      collections.set(insert, [...(collections.get(insert) ?? []), ...documents]);
      return { n: documents.length };
    },
    find: ({ find, filter = {}, $db }) => ({
      cursor: {
        id: 0n,
        ns: `${$db}.${find}`,
        firstBatch: (collections.get(find) ?? []).filter((one) =>
          Object.entries(filter).every(([key, value]) => one[key] === value),
        ),
      },
    }),
    ping: () => ({}),
    endSessions: () => ({}),
  };
  const run = (command, told) => {
    const [name] = Object.keys(command);
    if (/^(hello|ismaster)$/i.test(name)) return { ...HELLO, localTime: new Date(), ok: 1 };
    if (name === 'insert' || name === 'find') told(`${name} ${command[name]}`);
    return commands[name]
      ? { ...commands[name](command), ok: 1 }
      : { ok: 0, errmsg: `no such command: '${name}'`, code: 59 };
  };
  return (socket, told) =>
    buffered(socket, (data) => {
      if (data.length < 16 || data.length < data.readInt32LE(0)) return undefined;
      const length = data.readInt32LE(0);
      const id = data.readInt32LE(4);
      const kind = data.readInt32LE(12);
      const body = data.subarray(16, length);
      if (kind === OP_MSG) socket.write(message(id, run(readMessage(body), told)));
      else if (kind === OP_QUERY) socket.write(reply(id, run(readQuery(body), told)));
      else socket.destroy();
      return data.subarray(length);
    });
}

/** OP_MSG: a body, and sequences of documents that belong into it under their names. */
function readMessage(body) {
  let command = {};
  const sequences = {};
  const checksum = body.readUInt32LE(0) & 1 ? 4 : 0;
  for (let at = 4; at < body.length - checksum;) {
    const kind = body[at];
    const size = body.readInt32LE(at + 1);
    const section = body.subarray(at + 1, at + 1 + size);
    if (kind === 0) command = deserialize(section);
    else {
      const end = section.indexOf(0, 4);
      const documents = [];
      for (let next = end + 1; next < size; next += section.readInt32LE(next))
        documents.push(deserialize(section.subarray(next, next + section.readInt32LE(next))));
      sequences[section.toString('utf8', 4, end)] = documents;
    }
    at += 1 + size;
  }
  return { ...command, ...sequences };
}

/** OP_QUERY, with which drivers say their first hello. */
function readQuery(body) {
  const at = body.indexOf(0, 4) + 9;
  return deserialize(body.subarray(at, at + body.readInt32LE(at)));
}

function message(responseTo, answer) {
  return frame(OP_MSG, responseTo, Buffer.concat([Buffer.alloc(5), serialize(answer)]));
}

function reply(responseTo, answer) {
  const head = Buffer.alloc(20);
  head.writeInt32LE(8, 0);
  head.writeInt32LE(1, 16);
  return frame(OP_REPLY, responseTo, Buffer.concat([head, serialize(answer)]));
}

function frame(kind, responseTo, body) {
  const head = Buffer.alloc(16);
  head.writeInt32LE(body.length + 16, 0);
  head.writeInt32LE(responseTo, 8);
  head.writeInt32LE(kind, 12);
  return Buffer.concat([head, body]);
}
