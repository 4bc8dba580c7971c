import { parseArgs } from 'node:util';
import type { ParseArgsConfig } from 'node:util';

/** Where a command writes; a newline is added to each text. */
export interface Streams {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  readonly usage: string;
  /** Answers the exit code; throws UsageError. */
  readonly run: (argv: readonly string[], streams: Streams) => number;
}

/** The command line cannot be understood: exit code 2 and the command's usage. */
export class UsageError extends Error {}

/** `node:util`'s parseArgs, strict; what it refuses becomes a UsageError. */
export function parseOptions<T extends NonNullable<ParseArgsConfig['options']>>(argv: readonly string[], options: T) {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
