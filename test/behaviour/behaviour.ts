import type { Lab } from './lab.ts';

/** One thing that a program can see of Node's client APIs. */
export interface Behaviour {
  /** A sentence, unique in its family. */
  readonly name: string;
  /** Drives a client; what it gives is part of the record, beside the trace and what the servers heard. */
  run(lab: Lab): unknown;
  /** The first major version of Node that has what is looked at. */
  readonly since?: number;
  /** A difference that docs/node.md tells of, and the lines of the record in which it may show. */
  readonly documented?: Documented;
}

export interface Documented {
  /** What differs, as docs/node.md says it. */
  readonly what: string;
  readonly lines: RegExp;
  /** With an access log only. */
  readonly logged?: true;
}

/** A file of behaviours that share a process. */
export interface Family {
  readonly name: string;
  readonly behaviours: readonly Behaviour[];
}

/** What a behaviour left behind: lines, so that a difference names the line. */
export type Record = readonly string[];
