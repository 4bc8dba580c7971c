import dns from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import type { Connection } from '../core/model/connection.ts';
import { EgressDeniedError } from '../errors.ts';
import type { AddressGround, Guard } from './seam.ts';

type Lookup = (hostname: string, options: unknown, callback: LookupCallback) => void;
type LookupCallback = (error: Error | null, address?: unknown, family?: number) => void;

/** Our own wrappers, with the guard that asks in them: a socket seam that meets one need not wrap it again. */
const guarded = new WeakMap<object, Guard>();

export function isGuardedLookup(lookup: unknown, guard: Guard): boolean {
  return typeof lookup === 'function' && guarded.get(lookup) === guard;
}

let decidedLookups = 0;

/** Whether the lookup that is being started is for a name that was decided, and is dialled next. */
export function isDecidedLookup(): boolean {
  return decidedLookups > 0;
}

/** Runs `start`, and lets what it looks up meanwhile pass unasked. */
function startDecided(start: () => unknown): void {
  decidedLookups += 1;
  try {
    start();
  } finally {
    decidedLookups -= 1;
  }
}

/**
 * Wraps a `lookup` (the caller's own, or the `dns.lookup` of the moment) so that each address it gives is decided
 * before Node dials it. Of several addresses the refused ones are left out, which keeps happy eyeballs working; when
 * none is left, the lookup fails with the refusal. The answer has the form that was asked for, `all` or one.
 */
export function guardLookup(
  guard: Guard,
  connection: Connection,
  ground: AddressGround,
  callersLookup: unknown,
  admitted?: (address: string) => void,
): LookupFunction {
  const lookup = function (this: unknown, hostname: string, options: unknown, callback: LookupCallback): void {
    const answered: LookupCallback = (error, answer, family) => {
      if (error) {
        callback(error, answer, family);
        return;
      }
      const checked = checkAnswer(guard, connection, ground, answer, family);
      if (checked.kind === 'fail') callback(checked.error);
      else {
        guard.learn(hostname, checked.addresses);
        if (admitted) checked.addresses.forEach(admitted);
        callback(null, checked.answer, checked.family);
      }
    };
    if (typeof callersLookup === 'function') {
      Reflect.apply(callersLookup, this, [hostname, options, answered]);
      return;
    }
    const start = (): void => (dns.lookup as Lookup)(hostname, options, answered);
    // It may be a name of the policy's own, which it admits to nobody.
    if (ground === 'address') start();
    else startDecided(start);
  };
  guarded.set(lookup, guard);
  return lookup as LookupFunction;
}

/**
 * Has the first address that a guarded lookup gives decided, and in its place the one that was refused: of what is refused
 * there has to be a line, too. What `decide` is told to answer with is an error, another address, or nothing: as it is.
 */
export function decideAnswers(
  guard: Guard,
  lookup: LookupFunction,
  decide: (address: string, answer: (error?: Error | null, address?: string, family?: number) => void) => void,
): LookupFunction {
  const decided = function (this: unknown, hostname: string, options: unknown, callback: LookupCallback): void {
    const answered: LookupCallback = (error, answer, family) => {
      const several = Array.isArray(answer);
      const address = error ? refusedAddress(error) : readEntry(several ? answer[0] : answer)?.address;
      if (address === undefined) return callback(error, answer, family);
      // What Node throws from its callback is not for the guard.
      let asking = true;
      let settle: (() => void) | undefined;
      try {
        decide(address, (refusal, instead, ofFamily) => {
          settle = () => {
            if (refusal ?? error) callback(refusal ?? error);
            else if (instead === undefined) callback(null, answer, family);
            else if (several) callback(null, [{ address: instead, family: ofFamily }]);
            else callback(null, instead, ofFamily);
          };
          if (!asking) settle();
        });
      } catch (failure) {
        const refusal = guard.seamFailed('net', failure) ? guard.internalError(failure) : error;
        settle = () => callback(refusal, answer, family);
      }
      asking = false;
      settle?.();
    };
    Reflect.apply(lookup as unknown as Lookup, this, [hostname, options, answered]);
  };
  guarded.set(decided, guard);
  return decided as LookupFunction;
}

function refusedAddress(error: Error): string | undefined {
  return error instanceof EgressDeniedError ? error.address : undefined;
}

type Checked =
  | { readonly kind: 'fail'; readonly error: Error }
  | {
      readonly kind: 'ok';
      readonly answer: unknown;
      readonly family?: number | undefined;
      readonly addresses: string[];
    };

function checkAnswer(
  guard: Guard,
  connection: Connection,
  ground: AddressGround,
  answer: unknown,
  family: number | undefined,
): Checked {
  const several = Array.isArray(answer);
  const entries = (several ? answer : [answer]).map(readEntry);
  const answers = entries.flatMap((entry) => (entry ? [entry.address] : []));
  let refusal: Error | undefined;
  const kept = entries.filter((entry) => {
    if (entry === undefined) return false;
    const verdict = guard.address(connection, entry.address, ground, answers);
    if (verdict.kind === 'fail') refusal ??= verdict.error;
    return verdict.kind === 'proceed';
  }) as Entry[];
  const [first] = kept;
  if (!first) {
    if (refusal) return { kind: 'fail', error: refusal };
    // Nothing to refuse: Node has its own words for an empty or nonsensical answer.
    return { kind: 'ok', answer: several ? [] : answer, family, addresses: [] };
  }
  const addresses = kept.map(({ address }) => address);
  if (several) return { kind: 'ok', answer: kept, addresses };
  return { kind: 'ok', answer: first.address, family: first.family, addresses };
}

interface Entry {
  readonly address: string;
  readonly family: 4 | 6;
}

/** One answer, read once; undefined for what is no IP literal. */
function readEntry(entry: unknown): Entry | undefined {
  const address: unknown =
    typeof entry === 'object' && entry !== null ? (entry as { address?: unknown }).address : entry;
  if (typeof address !== 'string') return undefined;
  const family = isIP(address);
  return family === 4 || family === 6 ? { address, family } : undefined;
}

/** The address that a name would be dialled at: what a policy by address has to be asked with. Literals are their own. */
export function dialledAddress(
  host: string,
  callersLookup: unknown,
  callback: (error: Error | undefined, address?: string) => void,
): void {
  if (isIP(host)) {
    callback(undefined, host);
    return;
  }
  const lookup = (typeof callersLookup === 'function' ? callersLookup : dns.lookup) as (
    hostname: string,
    options: { all: true },
    callback: LookupCallback,
  ) => void;
  lookup(host, { all: true }, (error, answer) => {
    if (error) {
      callback(error);
      return;
    }
    const [first] = (Array.isArray(answer) ? answer : [answer]).map(readEntry);
    if (first) callback(undefined, first.address);
    else
      callback(
        Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND', syscall: 'getaddrinfo' }),
      );
  });
}

/** A `lookup` that gives these addresses without asking anyone. */
export function pinnedLookup(...addresses: readonly [string, ...string[]]): LookupFunction {
  const [first] = addresses;
  return (_host, options, callback) => {
    process.nextTick(() => {
      if (options.all)
        callback(
          null,
          addresses.map((address) => ({ address, family: isIP(address) })),
        );
      else callback(null, first, isIP(first));
    });
  };
}
