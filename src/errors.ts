import type { Decision } from './core/model/decision.ts';
import type { Diagnostic } from './core/model/diagnostic.ts';

/** Every code that an {@link EgressError} can carry. Closed; a code never changes its meaning. */
export type EgressErrorCode =
  /** The policy does not admit this connection or request. */
  | 'ERR_EGRESS_DENIED'
  /** The route's timeout passed, and timeouts are reported as errors. */
  | 'ERR_EGRESS_TIMEOUT'
  /** The mesh config could not be loaded; `diagnostics` says where and why. */
  | 'ERR_EGRESS_CONFIG'
  /** A limit of the destination's connection pool was reached. */
  | 'ERR_EGRESS_OVERFLOW'
  /** Another, incompatible copy of this package governs the process already. */
  | 'ERR_EGRESS_INSTALL'
  /** `verify()` found a client layer that does not obey. */
  | 'ERR_EGRESS_VERIFY'
  /** The server's certificate is not the one that the DestinationRule asks for, or a file it names cannot be read. */
  | 'ERR_EGRESS_TLS';

/** What a socket error tells about its destination; the names are those of Node's own connect errors. */
export interface ErrorDestination {
  /** The name or address that the application dialled, canonical. */
  readonly host?: string;
  /** 1-65535. */
  readonly port?: number;
  /** The IP address, where one was known. */
  readonly address?: string;
}

export interface EgressErrorOptions extends ErrorDestination {
  readonly decision?: Decision;
  readonly cause?: unknown;
}

const BRAND_PREFIX = 'sidecarless.';

/** Two copies of this package may meet in one process: `instanceof` goes by brand, not by prototype. */
function brandOf(name: string): symbol {
  return Symbol.for(BRAND_PREFIX + name);
}

function hasBrand(value: unknown, name: string): boolean {
  return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[brandOf(name)] === true;
}

/** Base of all errors that this package makes. Match on `code`; `instanceof` works across copies of the package. */
export class EgressError extends Error {
  static {
    named(this, 'EgressError');
  }

  override readonly name: string = 'EgressError';
  readonly code: EgressErrorCode;

  constructor(code: EgressErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    brand(this, 'EgressError');
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return hasBrand(value, this === EgressError ? 'EgressError' : this.name);
  }
}

function brand(error: Error, name: string): void {
  Object.defineProperty(error, brandOf(name), { value: true });
}

/** A bundler may call the class something else; stacks and consoles show what stands here. */
function named(type: object, name: string): void {
  Object.defineProperty(type, 'name', { value: name, configurable: true });
}

/** Own, enumerable where a console should show it; the decision is big and stays out of stack traces. */
function describeDestination(error: Error, options: EgressErrorOptions): void {
  for (const key of ['host', 'port', 'address'] as const)
    if (options[key] !== undefined)
      Object.defineProperty(error, key, { value: options[key], enumerable: true, writable: true, configurable: true });
  if (options.decision !== undefined) Object.defineProperty(error, 'decision', { value: options.decision });
}

/**
 * The policy does not admit a connection or request. It reaches the application where ECONNREFUSED would: as the
 * `error` event of the request or socket, as a rejection of `fetch`.
 *
 * `errno` is that of EACCES, which the retry logic of common clients takes as final; `syscall` is `connect`.
 */
export class EgressDeniedError extends EgressError {
  static {
    named(this, 'EgressDeniedError');
  }

  override readonly name: string = 'EgressDeniedError';
  declare readonly code: 'ERR_EGRESS_DENIED';
  declare readonly host?: string;
  declare readonly port?: number;
  declare readonly address?: string;
  readonly errno: number = -13;
  readonly syscall: string = 'connect';
  /** Not enumerable: use it to see the reason, the resources that decided, the cluster. */
  declare readonly decision: Decision | undefined;

  constructor(message: string, options: EgressErrorOptions = {}) {
    super('ERR_EGRESS_DENIED', message, options.cause);
    brand(this, 'EgressDeniedError');
    describeDestination(this, options);
  }

  /** Why: one of the closed list of decision reasons. */
  get reason(): Decision['reason'] | undefined {
    return this.decision?.reason;
  }
}

/**
 * The timeout of a VirtualService route passed before response headers arrived, or, as the `cause` of Node's ETIMEDOUT, the
 * connect timeout of a cluster.
 */
export class EgressTimeoutError extends EgressError {
  static {
    named(this, 'EgressTimeoutError');
  }

  override readonly name: string = 'EgressTimeoutError';
  declare readonly code: 'ERR_EGRESS_TIMEOUT';
  declare readonly host?: string;
  declare readonly port?: number;
  declare readonly address?: string;
  /** That of ETIMEDOUT. */
  readonly errno: number = -110;
  readonly syscall: string = 'connect';
  /** Milliseconds, from the route or the cluster. */
  readonly timeoutMs: number;
  declare readonly decision: Decision | undefined;

  constructor(message: string, timeoutMs: number, options: EgressErrorOptions = {}) {
    super('ERR_EGRESS_TIMEOUT', message, options.cause);
    this.timeoutMs = timeoutMs;
    brand(this, 'EgressTimeoutError');
    describeDestination(this, options);
  }
}

/** A limit of the cluster's connection pool is reached: what a sidecar answers with 503 and the flag UO. */
export class EgressOverflowError extends EgressError {
  static {
    named(this, 'EgressOverflowError');
  }

  override readonly name: string = 'EgressOverflowError';
  declare readonly code: 'ERR_EGRESS_OVERFLOW';
  declare readonly host?: string;
  declare readonly port?: number;
  declare readonly decision: Decision | undefined;

  constructor(message: string, options: EgressErrorOptions = {}) {
    super('ERR_EGRESS_OVERFLOW', message, options.cause);
    brand(this, 'EgressOverflowError');
    describeDestination(this, options);
  }
}

/** Configuration was refused. The message lists every error with its place; `diagnostics` is the same as data. */
export class EgressConfigError extends EgressError {
  static {
    named(this, 'EgressConfigError');
  }

  override readonly name: string = 'EgressConfigError';
  declare readonly code: 'ERR_EGRESS_CONFIG';
  /** Every finding, warnings included, in order of files and lines. */
  readonly diagnostics: readonly Diagnostic[];

  constructor(message: string, diagnostics: readonly Diagnostic[] = [], cause?: unknown) {
    super('ERR_EGRESS_CONFIG', message, cause);
    this.diagnostics = diagnostics;
    brand(this, 'EgressConfigError');
  }
}

/** Whether a value, or anything in its chain of `cause` and `errors`, is an error of this package; gives the first. */
export function findEgressError(value: unknown): EgressError | undefined {
  const seen = new Set<unknown>();
  const queue: unknown[] = [value];
  while (queue.length > 0 && seen.size < 64) {
    const next = queue.shift();
    if (next === null || typeof next !== 'object' || seen.has(next)) continue;
    seen.add(next);
    if (next instanceof EgressError) return next;
    const { cause, errors } = next as { cause?: unknown; errors?: unknown };
    queue.push(cause);
    if (Array.isArray(errors)) queue.push(...(errors as unknown[]));
  }
  return undefined;
}
