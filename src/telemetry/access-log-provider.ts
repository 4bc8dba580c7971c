import type { AccessLogEntry, MetadataValue } from './access-log-entry.ts';
import type { Command } from './access-log-command.ts';

/** What one command reads from an entry. Made once, when the format is compiled. */
export interface Provider {
  /** A byte string, a number, a boolean or metadata; undefined or null: no value. */
  readonly value: (entry: AccessLogEntry) => MetadataValue | undefined;
  /** In text, where that is not simply the value. */
  readonly text?: (entry: AccessLogEntry) => string | undefined;
  /** Comes from the process's own surroundings and not from a peer: control characters are kept. */
  readonly trusted?: true;
  /** The same for all entries that have one `shared`. */
  readonly shared?: true;
}

/** How an operator may be written, and what it reads. */
export interface Operator {
  readonly parameter: 'none' | 'optional' | 'required';
  /** Whether `:N` may follow. */
  readonly length: boolean;
  readonly compile: (command: Command) => Provider;
}

export type Read<T> = (entry: AccessLogEntry) => T | undefined;

/** An operator without parameter and length. */
export function plain(value: Provider['value']): Operator {
  const provider: Provider = { value };
  return { parameter: 'none', length: false, compile: () => provider };
}

/** The same, of what requests to one destination over one connection have in common. */
export function shared(value: Provider['value']): Operator {
  const provider: Provider = { value, shared: true };
  return { parameter: 'none', length: false, compile: () => provider };
}

export function apply<T, R>(value: T | undefined, change: (value: T) => R): R | undefined {
  return value === undefined ? undefined : change(value);
}
