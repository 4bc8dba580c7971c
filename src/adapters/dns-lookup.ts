import dns from 'node:dns';
import dnsPromises from 'node:dns/promises';
import { syncBuiltinESMExports } from 'node:module';
import { isIP } from 'node:net';
import type { PatchRegistry } from './patch-registry.ts';
import type { Guard } from './seam.ts';

/* eslint-disable @typescript-eslint/no-unsafe-function-type -- every resolver function is observed the same way */

/** Functions whose answers are addresses of the name they are asked for. */
const RESOLVERS = ['lookup', 'resolve', 'resolve4', 'resolve6'] as const;

/**
 * Remembers which name gave which address, for clients that resolve for themselves and dial the address. It only
 * listens: questions and answers stay what they are.
 */
export function installDnsLookup(guard: Guard, patches: PatchRegistry): void {
  // The objects that CommonJS and `import dns from` see; named imports are brought up to date below.
  const owners: object[] = [dns, dnsPromises, dns.Resolver.prototype, dnsPromises.Resolver.prototype];
  for (const owner of owners)
    for (const name of RESOLVERS) patches.wrap<Function>(owner, name, (original) => remember(guard, original));
  syncBuiltinESMExports();
}

function remember(guard: Guard, original: Function): Function {
  return function (this: unknown, ...args: unknown[]): unknown {
    const [name] = args;
    const last = args.length - 1;
    const callback = args[last];
    if (!guard.active || typeof name !== 'string') return Reflect.apply(original, this, args);
    if (typeof callback === 'function')
      args[last] = function (this: unknown, error: unknown, answer: unknown, ...rest: unknown[]): unknown {
        if (!error) learn(guard, name, answer);
        return Reflect.apply(callback, this, [error, answer, ...rest]) as unknown;
      };
    const result: unknown = Reflect.apply(original, this, args);
    if (result instanceof Promise) result.then((answer: unknown) => learn(guard, name, answer), ignore);
    return result;
  };
}

function ignore(): void {
  // Whoever asked gets the same rejection.
}

function learn(guard: Guard, name: string, answer: unknown): void {
  try {
    const entries = (Array.isArray(answer) ? answer : [answer]) as unknown[];
    const addresses = entries
      .map((entry) => (typeof entry === 'object' && entry !== null ? (entry as { address?: unknown }).address : entry))
      .filter((address): address is string => typeof address === 'string' && isIP(address) !== 0);
    if (addresses.length > 0 && isIP(name) === 0) guard.learn(name, addresses);
  } catch (error) {
    guard.seamFailed('dns', error);
  }
}
