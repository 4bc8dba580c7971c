/**
 * Log lines are bytes: header values need not be UTF-8, and `:N` counts bytes. A byte string is a JavaScript string
 * in which every character is one byte (0-255), which is also how Node hands out header values. It is written with
 * the encoding `latin1`. For ASCII, which nearly all of a log line is, a byte string and the text are the same.
 */

// eslint-disable-next-line no-control-regex
const ASCII = /^[\x00-\x7f]*$/;
const WIDE = /[^\x00-\xff]/; // eslint-disable-line no-control-regex

/** The UTF-8 bytes of a text. */
export function toByteString(text: string): string {
  return ASCII.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

/** The text that a byte string spells; bytes that are not UTF-8 become U+FFFD. */
export function fromByteString(bytes: string): string {
  return ASCII.test(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString('utf8');
}

/** A line that was put together from byte strings, should a character above 255 have slipped in. */
export function ensureByteString(line: string): string {
  return WIDE.test(line)
    ? line.replace(/[^\x00-\xff]+/g, (wide) => Buffer.from(wide, 'utf8').toString('latin1')) // eslint-disable-line no-control-regex
    : line;
}

/** Whether a text holds nothing that a further look could find: neither control characters nor anything beyond ASCII. */
export function isPrintable(text: string): boolean {
  return PRINTABLE.test(text);
}

const PRINTABLE = /^[\x20-\x7e]*$/;

/** Whether the bytes are well-formed UTF-8 (no overlong forms, no surrogates). */
export function isUtf8(bytes: string): boolean {
  if (ASCII.test(bytes)) return true;
  const raw = Buffer.from(bytes, 'latin1');
  return Buffer.from(raw.toString('utf8'), 'utf8').equals(raw);
}

/**
 * What could start a new line or steer a terminal: C0 without tab, DEL, and in UTF-8 form C1, U+2028 and U+2029.
 * A value of a request must not be able to forge a log line.
 */
const CONTROLS = /[\x00-\x08\x0a-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xa8\xa9]/g; // eslint-disable-line no-control-regex

/** Control characters as `\x1b`, `\x85`, `\u2028`. */
export function escapeControlCharacters(bytes: string): string {
  return bytes.replace(CONTROLS, (found) => {
    const code = fromByteString(found).codePointAt(0) ?? 0;
    return code > 0xff ? `\\u${code.toString(16)}` : `\\x${code.toString(16).padStart(2, '0')}`;
  });
}

const HEX = '0123456789abcdef';

/**
 * A JSON string literal of the bytes, as Envoy writes it: quotes, backslash and controls are escaped, DEL, slash and
 * U+2028 are not. When the value is not UTF-8, each byte above 127 becomes `\u00XX`, those of well-formed characters too.
 */
export function toJsonString(bytes: string): string {
  const everyHighByte = !isUtf8(bytes);
  const unsafe = everyHighByte ? /["\\\x00-\x1f\x80-\xff]/g : /["\\\x00-\x1f]/g; // eslint-disable-line no-control-regex
  return `"${bytes.replace(unsafe, escapeJsonCharacter)}"`;
}

function escapeJsonCharacter(character: string): string {
  switch (character) {
    case '"':
      return '\\"';
    case '\\':
      return '\\\\';
    case '\b':
      return '\\b';
    case '\f':
      return '\\f';
    case '\n':
      return '\\n';
    case '\r':
      return '\\r';
    case '\t':
      return '\\t';
    default: {
      const code = character.charCodeAt(0);
      return `\\u00${HEX[code >> 4] ?? '0'}${HEX[code & 15] ?? '0'}`;
    }
  }
}
