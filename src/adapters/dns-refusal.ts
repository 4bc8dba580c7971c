import { isIP } from 'node:net';
import type { Guard } from './seam.ts';
import { isDecidedLookup } from './socket-lookup.ts';

/** Every function that asks a name server, by the `syscall` of its errors. */
export const SYSCALLS: Readonly<Record<string, string>> = {
  lookup: 'getaddrinfo',
  lookupService: 'getnameinfo',
  resolve: 'queryA',
  resolve4: 'queryA',
  resolve6: 'queryAaaa',
  resolveAny: 'queryAny',
  resolveCaa: 'queryCaa',
  resolveCname: 'queryCname',
  resolveMx: 'queryMx',
  resolveNaptr: 'queryNaptr',
  resolveNs: 'queryNs',
  resolvePtr: 'queryPtr',
  resolveSoa: 'querySoa',
  resolveSrv: 'querySrv',
  resolveTlsa: 'queryTlsa',
  resolveTxt: 'queryTxt',
  reverse: 'getHostByAddr',
};

/** What Node's own errors for a name that does not exist are numbered with (libuv's EAI_NONAME). */
const EAI_NONAME = -3008;

/**
 * The error of a question that must not be asked: as if the name did not exist, or the server had refused; its cause is
 * the denial. Undefined: it may be asked.
 */
export function refuseQuery(guard: Guard, query: string, name: string, second: unknown): Error | undefined {
  // An address is looked up without asking anybody; the empty name is an address to Node.
  if (name === '' || (query === 'lookup' && (isIP(name) !== 0 || isDecidedLookup()))) return undefined;
  const denial = guard.query(name);
  if (denial === undefined) return undefined;
  const system = query === 'lookup' || query === 'lookupService';
  const code = system ? 'ENOTFOUND' : 'EREFUSED';
  const syscall = query === 'resolve' && typeof second === 'string' ? syscallOf(second) : (SYSCALLS[query] ?? query);
  return Object.assign(new Error(`${syscall} ${code} ${name}`, { cause: denial }), {
    errno: system ? EAI_NONAME : undefined,
    code,
    syscall,
    hostname: name,
  });
}

/** `resolve(name, 'MX')` fails as `resolveMx(name)` does. */
function syscallOf(recordType: string): string {
  const known = `query${recordType.charAt(0).toUpperCase()}${recordType.slice(1).toLowerCase()}`;
  return Object.values(SYSCALLS).includes(known) ? known : 'queryA';
}
