/** LDAP: anybody may bind, every search finds one entry at its base; StartTLS where a certificate is given. */
import { buffered, upgrade } from './listen.mjs';

const BIND = 0x60;
const UNBIND = 0x42;
const SEARCH = 0x63;
const EXTENDED = 0x77;
const SUCCESS = [tlv(0x0a, Buffer.from([0])), octets(''), octets('')];

export function ldap(certificate) {
  return (socket, told) => {
    buffered(socket, (data) => {
      const message = readTlv(data, 0);
      if (!message) return undefined;
      const id = readTlv(message.value, 0);
      const operation = readTlv(message.value, id.end);
      const answer = (tag, ...fields) => socket.write(tlv(0x30, tlv(0x02, id.value), tlv(tag, ...fields)));
      if (operation.tag === BIND) answer(0x61, ...SUCCESS);
      else if (operation.tag === SEARCH) {
        const base = readTlv(operation.value, 0).value.toString();
        told(`search ${base}`);
        answer(0x64, octets(base), tlv(0x30, tlv(0x30, octets('cn'), tlv(0x31, octets('found')))));
        answer(0x65, ...SUCCESS);
      } else if (operation.tag === EXTENDED && certificate) {
        answer(0x78, ...SUCCESS);
        ldap()(upgrade(socket, certificate, data.subarray(message.end)), told);
        return undefined;
      } else if (operation.tag === UNBIND) socket.end();
      else socket.destroy();
      return data.subarray(message.end);
    });
  };
}

/** One element of BER, if all of it is there: its tag, its value, and where it ends. */
function readTlv(data, at) {
  if (data.length < at + 2) return undefined;
  let length = data[at + 1];
  let from = at + 2;
  if (length > 0x7f) {
    const size = length & 0x7f;
    if (data.length < from + size) return undefined;
    length = data.readUIntBE(from, size);
    from += size;
  }
  if (data.length < from + length) return undefined;
  return { tag: data[at], value: data.subarray(from, from + length), end: from + length };
}

function tlv(tag, ...parts) {
  const value = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag, 0x82, value.length >> 8, value.length & 0xff]), value]);
}

function octets(text) {
  return tlv(0x04, Buffer.from(text));
}
