import { EgressConfigError } from '../errors.ts';

/**
 * Envoy's command-operator language: `text %OPERATOR(parameter):length% text`. `%%` is a percent sign, and nothing
 * else may follow one.
 */

/** One `%OPERATOR(parameter):length%`. */
export interface Command {
  readonly operator: string;
  /** Absent for none; the empty `()` is none too. */
  readonly parameter?: string;
  /** Bytes; values are cut after so many. */
  readonly maxLength?: number;
}

export type Segment = string | Command;

/** For a format that Envoy would refuse, or that asks for what a process cannot know. */
export function formatError(message: string): EgressConfigError {
  return new EgressConfigError(`access log format: ${message}`);
}

// The parameter ends at the first `)` that a `%` or a `:digits%` follows, and holds no newline.
const COMMAND = /%([A-Z0-9_]+)(?:\(([^\n]*?)\))?(?::(\d+))?%/y;
const MAX_LENGTH = 2n ** 64n - 1n;

/** @throws ERR_EGRESS_CONFIG when a percent sign starts no command. */
export function parseFormat(format: string): readonly Segment[] {
  const segments: Segment[] = [];
  let literal = '';
  let at = 0;
  while (at < format.length) {
    const percent = format.indexOf('%', at);
    if (percent < 0) break;
    literal += format.slice(at, percent);
    if (format[percent + 1] === '%') {
      literal += '%';
      at = percent + 2;
      continue;
    }
    COMMAND.lastIndex = percent;
    const found = COMMAND.exec(format);
    if (found === null || BigInt(found[3] ?? 0) > MAX_LENGTH) throw noCommand(format, percent);
    if (literal !== '') segments.push(literal);
    literal = '';
    segments.push(toCommand(found));
    at = COMMAND.lastIndex;
  }
  literal += format.slice(at);
  if (literal !== '') segments.push(literal);
  return segments;
}

function toCommand([, operator = '', parameter, length]: RegExpExecArray): Command {
  return {
    operator,
    ...(parameter === undefined || parameter === '' ? {} : { parameter }),
    ...(length === undefined ? {} : { maxLength: Number(length) }),
  };
}

function noCommand(format: string, position: number): EgressConfigError {
  const shown = format.slice(position, position + 24);
  return formatError(
    `no command at position ${position}: \`${shown}\`; a command is %NAME%, %NAME(parameter)% or %NAME(parameter):length%, and a percent sign is written %%`,
  );
}
