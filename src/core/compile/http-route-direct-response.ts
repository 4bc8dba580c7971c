import type { HTTPDirectResponse } from '../model/virtual-service.ts';

/** An answer without an upstream. */
export interface DirectResponseAction {
  readonly kind: 'direct_response';
  readonly status: number;
  /** Undefined: an empty body. */
  readonly body?: string;
}

/** Istio's `ApplyDirectResponse`; `bytes` are read as UTF-8. */
export function translateDirectResponse({ status, body }: HTTPDirectResponse): DirectResponseAction {
  const text = body?.string ?? (body?.bytes === undefined ? '' : decodeUtf8(decodeBase64(body.bytes)));
  return { kind: 'direct_response', status, ...(text !== '' && { body: text }) };
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Standard and URL-safe alphabets, as protobuf's JSON form takes them; what is neither is skipped. */
function decodeBase64(text: string): number[] {
  const bytes: number[] = [];
  let bits = 0;
  let held = 0;
  for (const letter of text.replaceAll('-', '+').replaceAll('_', '/')) {
    const value = ALPHABET.indexOf(letter);
    if (value < 0) continue;
    bits = ((bits << 6) | value) & 0xffff;
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes.push((bits >> held) & 0xff);
    }
  }
  return bytes;
}

function decodeUtf8(bytes: readonly number[]): string {
  const escaped = bytes.map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
  try {
    return decodeURIComponent(escaped);
  } catch {
    // Not UTF-8: byte by byte.
    return String.fromCharCode(...bytes);
  }
}
