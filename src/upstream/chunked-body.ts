/** Reads a body of HTTP/1.1 in chunks (RFC 9112, section 7.1), piece by piece. Extensions and trailers are left out. */
export class ChunkedReader {
  #held: Buffer = Buffer.alloc(0);
  /** Bytes of the present chunk that are still to come; its line break included once it is 0. */
  #left = 0;
  #state: 'size' | 'data' | 'break' | 'trailers' | 'end' = 'size';

  /** The last chunk was read: nothing more belongs to the body. */
  get ended(): boolean {
    return this.#state === 'end';
  }

  /** The data in these bytes and those held back before. Throws on what is no chunk. */
  read(bytes: Buffer): Buffer[] {
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    const data: Buffer[] = [];
    while (this.#held.length > 0 && this.#step(data));
    return data;
  }

  #step(data: Buffer[]): boolean {
    if (this.#state === 'end') return false;
    if (this.#state === 'data') {
      const piece = this.#held.subarray(0, this.#left);
      data.push(piece);
      this.#held = this.#held.subarray(piece.length);
      this.#left -= piece.length;
      if (this.#left === 0) this.#state = 'break';
      return true;
    }
    const end = this.#held.indexOf('\r\n');
    if (end < 0 && this.#held.length > 4096) throw new Error('a line of a chunked body is too long');
    if (end < 0) return false;
    const line = this.#held.subarray(0, end).toString('latin1');
    this.#held = this.#held.subarray(end + 2);
    if (this.#state === 'trailers') this.#state = line === '' ? 'end' : 'trailers';
    else if (this.#state === 'break') {
      if (line !== '') throw new Error('a chunk is longer than it says');
      this.#state = 'size';
    } else {
      const size = /^([0-9a-f]{1,8})[ \t]*(;.*)?$/i.exec(line)?.[1];
      if (size === undefined) throw new Error('the size of a chunk is not a number');
      this.#left = Number.parseInt(size, 16);
      this.#state = this.#left === 0 ? 'trailers' : 'data';
    }
    return true;
  }
}

/** One chunk; none for no bytes, since an empty chunk is the end. */
export function chunk(bytes: Buffer): Buffer {
  if (bytes.length === 0) return bytes;
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
}

export const LAST_CHUNK = '0\r\n\r\n';
