import type { Guard } from './seam.ts';
import type { ObservedSocket } from './socket-exchange.ts';
import type { DispatchOptions } from './undici-dispatcher.ts';
import type { Detour } from './undici-targets.ts';
import type { CreatedRequest } from './undici-unseen.ts';

/** A request of which is heard what undici's channels tell. */
export interface Followed {
  /** Whether what undici made of it is what was decided. */
  admits?(request: CreatedRequest): boolean;
  /** undici begins a connection for it. */
  onConnecting?(host: string, port: number): void;
  /** Its head is about to be written. */
  onSocket(socket: ObservedSocket): void;
  /** A part of its body was written. */
  onBodyChunk(chunk: unknown): void;
  /** All of it was. */
  onBodyWritten(): void;
}

/**
 * "This request was decided", on the options of a dispatch. It goes along when a dispatcher copies them (ProxyAgent).
 *
 * INVARIANT: it admits one send to one origin. It is spent where the request is written, since a client that tries again
 * with the same options must be decided again.
 */
export interface DispatchToken {
  readonly guard: Guard;
  /** `true`: it goes through as it is. */
  readonly followed: Followed | true;
  readonly origin: unknown;
  /** Where it still has to be led, by the first dispatcher that has connections itself. */
  readonly detour?: Detour | undefined;
  spent: boolean;
}

/** Private on purpose (no `Symbol.for`): other code cannot make one up. */
export const TOKEN: unique symbol = Symbol('sidecarless.dispatch');

export function mark(
  options: DispatchOptions,
  guard: Guard,
  followed: Followed | true,
  detour?: Detour,
): DispatchOptions {
  const token: DispatchToken = { guard, followed, origin: options.origin, detour, spent: false };
  (options as Record<PropertyKey, unknown>)[TOKEN] = token;
  return options;
}

export function readToken(options: DispatchOptions, guard: Guard): DispatchToken | undefined {
  const token = (options as Record<PropertyKey, unknown>)[TOKEN] as DispatchToken | undefined;
  return token?.guard === guard && !token.spent && token.origin === options.origin ? token : undefined;
}
