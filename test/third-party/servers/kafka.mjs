/** Kafka: one broker, one partition a topic. What is produced is counted; ListOffsets tells how much there is. */
import { buffered } from './listen.mjs';

const PRODUCE = 0;
const LIST_OFFSETS = 2;
const METADATA = 3;
const API_VERSIONS = 18;
/** Each API at one version only: those whose bytes are written below. */
const VERSIONS = [
  [PRODUCE, 3],
  [LIST_OFFSETS, 1],
  [METADATA, 1],
  [API_VERSIONS, 0],
];
const UNSUPPORTED_VERSION = 35;

/** `advertised`: the name under which the broker tells clients to come back. */
export function kafka(advertised) {
  const offsets = new Map();
  return (socket, told) => {
    const answers = {
      [API_VERSIONS]: (_, version) => [
        int16(version === 0 ? 0 : UNSUPPORTED_VERSION),
        array(VERSIONS, ([key, only]) => [int16(key), int16(only), int16(only)]),
      ],
      [METADATA]: (request) => {
        const topics = request.array(() => request.string());
        return [
          int32(1),
          [int32(0), string(advertised), int32(socket.localPort), int16(-1)],
          int32(0),
          array(topics, (topic) => [
            int16(0),
            string(topic),
            Buffer.from([0]),
            array([0], (partition) => [int16(0), int32(partition), int32(0), array([0], int32), array([0], int32)]),
          ]),
        ];
      },
      [PRODUCE]: (request) => {
        request.string();
        request.skip(6);
        const topics = request.array(() => ({
          topic: request.string(),
          partitions: request.array(() => ({ partition: request.int32(), records: recordsIn(request.bytes()) })),
        }));
        return [
          array(topics, ({ topic, partitions }) => [
            string(topic),
            array(partitions, ({ partition, records }) => {
              const base = offsets.get(topic) ?? 0;
              offsets.set(topic, base + records);
              told(`produce ${topic}`);
              return [int32(partition), int16(0), int64(base), int64(-1)];
            }),
          ]),
          int32(0),
        ];
      },
      [LIST_OFFSETS]: (request) => {
        request.skip(4);
        const topics = request.array(() => ({
          topic: request.string(),
          partitions: request.array(() => ({ partition: request.int32(), time: request.int64() })),
        }));
        return [
          array(topics, ({ topic, partitions }) => [
            string(topic),
            // Time -2 asks for the earliest offset, -1 for the one after the latest.
            array(partitions, ({ partition, time }) => [
              int32(partition),
              int16(0),
              int64(-1),
              int64(time === -2n ? 0 : (offsets.get(topic) ?? 0)),
            ]),
          ]),
        ];
      },
    };
    buffered(socket, (data) => {
      if (data.length < 4 || data.length < data.readInt32BE(0) + 4) return undefined;
      const request = reader(data.subarray(4, data.readInt32BE(0) + 4));
      const [key, version, correlation] = [request.int16(), request.int16(), request.int32()];
      request.string();
      const answer = answers[key];
      if (!answer) socket.destroy();
      else {
        const body = Buffer.concat([int32(correlation), ...answer(request, version).flat(Infinity)]);
        socket.write(Buffer.concat([int32(body.length), body]));
      }
      return data.subarray(data.readInt32BE(0) + 4);
    });
  };
}

/** How many records a batch of version 2 holds. */
function recordsIn(batch) {
  return batch.readInt32BE(57);
}

function reader(data) {
  let at = 0;
  const step = (size) => (at += size) - size;
  const self = {
    skip: step,
    int16: () => data.readInt16BE(step(2)),
    int32: () => data.readInt32BE(step(4)),
    int64: () => data.readBigInt64BE(step(8)),
    bytes: () => {
      const size = self.int32();
      const from = step(size);
      return data.subarray(from, from + size);
    },
    string: () => {
      const size = self.int16();
      if (size < 0) return undefined;
      const from = step(size);
      return data.toString('utf8', from, from + size);
    },
    array: (item) => Array.from({ length: Math.max(0, self.int32()) }, item),
  };
  return self;
}

function int16(value) {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function int64(value) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(value));
  return bytes;
}

function string(value) {
  return [int16(Buffer.byteLength(value)), Buffer.from(value)];
}

function array(items, write) {
  return [int32(items.length), ...items.map((item) => write(item))];
}
