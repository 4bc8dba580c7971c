import { callSilently } from './foreign-call.ts';

const MAX_KINDS = 1000;

/** Tells of each kind of trouble once, as a process warning or through the application's own function. */
export class Warnings {
  readonly #told = new Set<string>();
  readonly #tell: (message: string) => void;

  constructor(tell: ((message: string) => void) | undefined) {
    this.#tell = tell ?? ((message) => process.emitWarning(message, { type: 'EgressWarning', code: 'SIDECARLESS' }));
  }

  /** INVARIANT: never throws. The message is made only when it is told. */
  warn(kind: string, message: string | (() => string)): void {
    if (this.#told.has(kind) || this.#told.size >= MAX_KINDS) return;
    this.#told.add(kind);
    // Where whoever wanted to be told breaks, there is nobody left to tell.
    callSilently(() => this.#tell(typeof message === 'function' ? message() : message));
  }
}
