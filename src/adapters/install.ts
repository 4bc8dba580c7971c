import { EgressError } from '../errors.ts';
import { installDnsLookup } from './dns-lookup.ts';
import { installHttp } from './http-agent.ts';
import { installHttp2 } from './http2-loaded.ts';
import { PatchRegistry } from './patch-registry.ts';
import { installPipeHandle } from './pipe-handle.ts';
import type { Guard } from './seam.ts';
import { installSocketConnect } from './socket-connect.ts';
import { installServername } from './socket-servername.ts';
import { installTcpHandle } from './tcp-handle.ts';
import { installUndici } from './undici.ts';

/** Where all copies of this package, ESM and CommonJS, of whatever version, find the one installation of a process. */
const STATE: unique symbol = Symbol.for('sidecarless.state.v1');

/** What an egress put into the process. */
export interface Installation {
  readonly owner: object;
  readonly version: 1;
  /** Takes it out; once is enough. */
  readonly uninstall: () => void;
  /** Functions that somebody else has replaced since, by name. */
  readonly replaced: () => readonly string[];
}

type Global = { [STATE]?: Installation };

/** A seam that knows how to put itself into Node. */
export type InstallSeam = (guard: Guard, patches: PatchRegistry) => void;

const SEAMS: readonly InstallSeam[] = [
  // From the socket up: what is opened while installing is governed already.
  installTcpHandle,
  installPipeHandle,
  installSocketConnect,
  installServername,
  installDnsLookup,
  installHttp,
  installUndici,
  installHttp2,
];

/**
 * Puts every seam into this process under one guard; gives what takes them out again. Idempotent for the same owner.
 *
 * @throws ERR_EGRESS_INSTALL when another egress, maybe of another copy of this package, governs the process.
 */
export function installSeams(owner: object, guard: Guard, more: readonly InstallSeam[] = []): Installation {
  const global = globalThis as Global;
  const present = global[STATE];
  if (present?.owner === owner) return present;
  if (present)
    throw new EgressError(
      'ERR_EGRESS_INSTALL',
      'another egress governs this process already: uninstall it, or give it the new policy with update()',
    );
  const patches = new PatchRegistry();
  try {
    for (const install of [...SEAMS, ...more]) install(guard, patches);
  } catch (error) {
    patches.restore();
    throw error;
  }
  const installation: Installation = {
    owner,
    version: 1,
    uninstall: () => {
      if (global[STATE] !== installation) return;
      patches.restore();
      delete global[STATE];
    },
    replaced: () => patches.replaced(),
  };
  Object.defineProperty(global, STATE, { value: installation, configurable: true, writable: true, enumerable: false });
  return installation;
}

/** Whether some egress governs this process. */
export function isInstalled(): boolean {
  return (globalThis as Global)[STATE] !== undefined;
}
