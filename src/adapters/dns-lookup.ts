import dns from 'node:dns';
import dnsPromises from 'node:dns/promises';
import { syncBuiltinESMExports } from 'node:module';
import { isIP } from 'node:net';
import { refuseQuery, SYSCALLS } from './dns-refusal.ts';
import type { PatchRegistry } from './patch-registry.ts';
import type { Guard } from './seam.ts';

/* eslint-disable @typescript-eslint/no-unsafe-function-type -- every resolver function is observed the same way */

/** Functions whose answers are addresses of the name they are asked for. */
const GIVES_ADDRESSES: ReadonlySet<string> = new Set(['lookup', 'resolve', 'resolve4', 'resolve6']);

/**
 * Remembers which name gave which address, for clients that resolve for themselves and dial the address. Questions and
 * answers stay what they are, unless the policy says which names may be asked for at all.
 */
export function installDnsLookup(guard: Guard, patches: PatchRegistry): void {
  // The objects that CommonJS and `import dns from` see; named imports are brought up to date below.
  const owners: object[] = [dns, dnsPromises, dns.Resolver.prototype, dnsPromises.Resolver.prototype];
  for (const owner of owners) {
    const promised = owner === dnsPromises || owner === dnsPromises.Resolver.prototype;
    for (const name of Object.keys(SYSCALLS))
      patches.wrap<Function>(owner, name, (original) => {
        const observed = GIVES_ADDRESSES.has(name) ? remember(guard, original) : original;
        return ask(guard, name, promised, observed);
      });
  }
  syncBuiltinESMExports();
  patches.afterRestore(syncBuiltinESMExports);
}

/** Arguments that Node would throw at are left to Node. */
function ask(guard: Guard, query: string, promised: boolean, answer: Function): Function {
  return function (this: unknown, ...args: unknown[]): unknown {
    const [name] = args;
    const callback = args[args.length - 1];
    if (!guard.active || typeof name !== 'string' || (!promised && typeof callback !== 'function'))
      return Reflect.apply(answer, this, args);
    const refusal = refuseQuery(guard, query, name, args[1]);
    if (refusal === undefined) return Reflect.apply(answer, this, args);
    if (promised) return new Promise((_, reject) => void setImmediate(reject, refusal));
    setImmediate(callback as (error: Error) => void, refusal);
    return {};
  };
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
